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
import { sightOf } from '../../security/access/sight.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import type { EndpointGate } from '../../security/gate/endpoint-gate.ts';
import { scanPoints } from './scan-points.ts';
import type { Ingest } from './telemetry.ingest.ts';
import { history, latestValues, metricList, rawPoints, sparklines } from './telemetry.query.ts';
import { summary } from './telemetry.summary.ts';
import { senderOf } from './telemetry-sender.ts';

export function addTelemetryRoutes(deps: {
  gate: EndpointGate;
  transactions: Transactions;
  submit: Ingest['submit'];
  clock: Clock;
}): void {
  const { gate, transactions, submit, clock } = deps;

  gate.handle(
    telemetrySend,
    ({ principal, body }) => {
      const points = 'points' in body ? body.points : body;
      // A device waits for nothing here: it is the many messages of many devices that this is made for.
      if (principal.kind === 'device') return submit(principal, points);
      return sightOf(transactions, principal).then((sight) => submit(senderOf(principal, sight), points));
    },
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
