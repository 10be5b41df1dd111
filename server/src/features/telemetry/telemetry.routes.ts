import {
  telemetryHistory,
  telemetryLatest,
  telemetryMetrics,
  telemetryRaw,
  telemetrySend,
  telemetrySparklines,
  telemetrySummary,
} from '@valtronics/contract';
import type { Clock } from '../../lib/clock.ts';
import type { EndpointGate } from '../../security/gate/endpoint-gate.ts';
import { scanPoints } from './scan-points.ts';
import type { Ingest } from './telemetry.ingest.ts';
import { history, latestValues, metricList, rawPoints, sparklines } from './telemetry.query.ts';
import { summary } from './telemetry.summary.ts';

export function addTelemetryRoutes(gate: EndpointGate, submit: Ingest['submit'], clock: Clock): void {
  gate.handle(
    telemetrySend,
    ({ principal, body }) => submit(principal, 'points' in body ? body.points : body),
    scanPoints,
  );
  gate.handle(telemetryRaw, ({ query, read }) => read((reader) => rawPoints(reader, query)));
  gate.handle(telemetryLatest, ({ query, read }) => read((reader) => latestValues(reader, query)));
  gate.handle(telemetryHistory, ({ query, read }) => read((reader) => history(reader, query)));
  gate.handle(telemetryMetrics, ({ query, read }) => read((reader) => metricList(reader, query)));
  gate.handle(telemetrySparklines, ({ query, read }) =>
    read((reader) => sparklines(reader, query, clock.now() * 1000)),
  );
  gate.handle(telemetrySummary, ({ query, read }) => read((reader) => summary(reader, query, clock.now() * 1000)));
}
