import * as contract from '@valtronics/contract';
import { z } from 'zod';
import type { Clock } from '../../lib/clock.ts';
import { DEFAULT_PAGE, decodeCursor, pageOf } from '../../lib/cursor.ts';
import { notFound, Problem } from '../../lib/problem.ts';
import { runsInstance } from '../../security/access/instance.repository.ts';
import type { Scenario } from '../../security/detection/scenario.ts';
import type { EndpointGate } from '../../security/gate/endpoint-gate.ts';
import { listDetections, setSimulated, simulatedScenarios } from './detection-list.repository.ts';
import { listSecurityEvents } from './security-event.repository.ts';
import { presentDetection, presentEvent } from './security-event.ts';
import { statisticsOf } from './statistics.ts';

const eventPosition = z.tuple([z.iso.datetime(), z.int().min(0)]);
const detectionPosition = z.tuple([z.iso.datetime(), z.uuid()]);

export function addSecurityEventRoutes(deps: {
  gate: EndpointGate;
  scenarios: readonly Scenario[];
  clock: Clock;
}): void {
  const { gate, scenarios, clock } = deps;
  const names = new Map(scenarios.map(({ id, name }) => [id, name]));

  gate.handle(contract.securityEventsList, async ({ query, read }) => {
    const limit = query.limit ?? DEFAULT_PAGE;
    const before = decodeCursor(query.cursor, eventPosition);
    const rows = await read((reader) => listSecurityEvents(reader, { ...query, before, limit: limit + 1 }));
    return pageOf(rows, limit, presentEvent, (row) => [row.at.toISOString(), Number(row.position)]);
  });

  gate.handle(contract.securityStatisticsGet, ({ query, read }) =>
    read((reader) => statisticsOf(reader, query.range ?? '24h', clock.date())),
  );

  gate.handle(contract.detectionsList, async ({ query, read }) => {
    const limit = query.limit ?? DEFAULT_PAGE;
    const before = decodeCursor(query.cursor, detectionPosition);
    const rows = await read((reader) => listDetections(reader, { ...query, before, limit: limit + 1 }));
    return pageOf(
      rows,
      limit,
      (row) => presentDetection(row, names.get(row.scenario)),
      (row) => [row.at.toISOString(), row.id],
    );
  });

  gate.handle(contract.detectionScenariosList, async ({ read }) => {
    const simulated = await read(simulatedScenarios);
    return { items: scenarios.map((scenario) => presentScenario(scenario, simulated.has(scenario.id))) };
  });

  gate.handle(contract.detectionScenarioChange, async ({ params, body, principal, read, write }) => {
    const scenario = scenarios.find(({ id }) => id === params.id);
    if (!scenario) throw notFound();
    // Scenarios look across the instance: what another organisation tries out must not leave this one unprotected.
    if (!(await read(runsInstance)))
      throw new Problem('forbidden', { detail: 'Scenarios are for the organisation that runs this instance.' });
    const { simulated } = body;
    await write(async (tx) => {
      await setSimulated(tx, { id: scenario.id, simulated, by: principal.userId, now: clock.date() });
      tx.describe({ resource: { kind: 'detection_scenario', id: scenario.id }, details: { simulated } });
    });
    return presentScenario(scenario, simulated);
  });
}

function presentScenario(scenario: Scenario, simulated: boolean): contract.DetectionScenarioBody {
  const { id, name, description, technique, severity, rule, response } = scenario;
  return { id, name, description, technique, severity, type: rule.type, response, simulated };
}
