import {
  telemetryHistory,
  telemetryLatest,
  telemetryMarkHealth,
  telemetryMetrics,
  telemetryRaw,
  telemetrySend,
  telemetrySparklines,
  telemetrySummary,
} from '@valtronics/contract';
import type { Clock } from '../../lib/clock.ts';
import type { Member } from '../../security/access/principal.ts';
import { sightOf } from '../../security/access/sight.ts';
import type { Reader } from '../../security/audit/tokens.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import type { EndpointGate } from '../../security/gate/endpoint-gate.ts';
import type { HealthMarking } from './health-marking.ts';
import { type Look, seesHealth } from './health-reading.ts';
import type { HealthValues } from './health-values.ts';
import { scanPoints } from './scan-points.ts';
import type { Ingest } from './telemetry.ingest.ts';
import { history, latestValues, metricList, rawPoints, sparklines } from './telemetry.query.ts';
import { summary } from './telemetry.summary.ts';
import { senderOf } from './telemetry-sender.ts';

export function addTelemetryRoutes(deps: {
  gate: EndpointGate;
  transactions: Transactions;
  submit: Ingest['submit'];
  health: HealthValues;
  marking: HealthMarking;
  clock: Clock;
}): void {
  const { gate, transactions, submit, health, marking, clock } = deps;
  const lookOf = (reader: Reader, principal: Member): Look => ({ reader, health, seesHealth: seesHealth(principal) });

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
  gate.handle(telemetryRaw, ({ query, read, principal }) =>
    read((reader) => rawPoints(lookOf(reader, principal), query)),
  );
  gate.handle(telemetryLatest, ({ query, read, principal }) =>
    read((reader) => latestValues(lookOf(reader, principal), query)),
  );
  gate.handle(telemetryHistory, ({ query, read, principal }) =>
    read((reader) => history(lookOf(reader, principal), query)),
  );
  gate.handle(telemetryMetrics, ({ query, read }) => read((reader) => metricList(reader, query)));
  gate.handle(telemetrySparklines, ({ query, read, principal }) =>
    read((reader) => sparklines(lookOf(reader, principal), query, clock.now() * 1000)),
  );
  gate.handle(telemetrySummary, ({ query, read, principal }) =>
    read((reader) => summary(lookOf(reader, principal), query, clock.now() * 1000)),
  );
  gate.handle(telemetryMarkHealth, async ({ body, write }) => {
    const marked = await write((tx) => marking.mark(tx, body));
    marking.marked(body);
    return { marked };
  });
}
