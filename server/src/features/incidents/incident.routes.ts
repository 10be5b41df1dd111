import * as contract from '@valtronics/contract';
import type { People } from '../../security/access/people.ts';
import type { Member } from '../../security/access/principal.ts';
import type { SecurityEvents } from '../../security/events/security-event.ts';
import type { EndpointGate } from '../../security/gate/endpoint-gate.ts';
import type { BreachService } from './breach.service.ts';
import type { IncidentService } from './incident.service.ts';
import { openedReport } from './incident-report.ts';
import { timelineOf } from './timeline.ts';

export interface IncidentRoutesOptions {
  readonly gate: EndpointGate;
  readonly people: People;
  readonly incidents: IncidentService;
  readonly breaches: BreachService;
  readonly events: SecurityEvents;
  /** Called once a change has committed. */
  readonly changed: () => void;
}

export function addIncidentRoutes({ gate, people, incidents, breaches, events, changed }: IncidentRoutesOptions): void {
  gate.handle(contract.incidentsList, ({ query, principal, read }) =>
    read((reader) => incidents.list(reader, principal, query)),
  );

  gate.handle(contract.incidentsSummary, ({ read }) => read((reader) => incidents.summary(reader)));

  gate.handle(contract.incidentGet, ({ params, read }) =>
    read(async (reader) => ({
      ...(await incidents.load(reader, params.id)),
      ...(await timelineOf(people, reader, params.id)),
    })),
  );

  async function told<T>(work: Promise<T>): Promise<T> {
    const done = await work;
    changed();
    return done;
  }

  function opened({ organisationId }: Member, incident: contract.Incident): contract.Incident {
    events.report(openedReport({ ...incident, organisationId, reason: null }));
    return incident;
  }

  gate.handle(contract.incidentOpen, ({ body, principal, write }) =>
    told(write((tx) => incidents.open(tx, principal, body)).then((incident) => opened(principal, incident))),
  );

  gate.handle(contract.incidentAcknowledge, ({ params, body, principal, write }) =>
    told(write((tx) => incidents.acknowledge(tx, { by: principal, id: params.id, note: body.note }))),
  );

  gate.handle(contract.incidentContain, ({ params, body, principal, write }) =>
    told(write((tx) => incidents.contain(tx, { by: principal, id: params.id, note: body.note }))),
  );

  gate.handle(contract.incidentResolve, ({ params, body, principal, write }) =>
    told(write((tx) => incidents.resolve(tx, { by: principal, id: params.id, note: body.note }))),
  );

  gate.handle(contract.incidentReopen, ({ params, body, principal, write }) =>
    told(write((tx) => incidents.reopen(tx, { by: principal, id: params.id, note: body.note }))),
  );

  gate.handle(contract.incidentNote, ({ params, body, principal, write }) =>
    told(write((tx) => incidents.addNote(tx, { by: principal, id: params.id, note: body.note }))),
  );

  gate.handle(contract.incidentAssign, ({ params, body, principal, write }) =>
    told(write((tx) => incidents.assign(tx, { by: principal, id: params.id }, body.ownerId))),
  );

  gate.handle(contract.incidentSeverityChange, ({ params, body, principal, write }) =>
    told(write((tx) => incidents.changeSeverity(tx, { by: principal, id: params.id, note: body.note }, body.severity))),
  );

  gate.handle(contract.incidentBreachFlag, ({ params, body, principal, write }) =>
    told(write((tx) => breaches.flag(tx, { by: principal, id: params.id, note: body.note }, body.awareAt))),
  );

  gate.handle(contract.incidentBreachNotified, ({ params, body, principal, write }) =>
    told(write((tx) => breaches.notified(tx, { by: principal, id: params.id, note: body.note }, body.notifiedAt))),
  );

  gate.handle(contract.incidentBreachWithdraw, ({ params, body, principal, write }) =>
    told(write((tx) => breaches.withdraw(tx, { by: principal, id: params.id, note: body.note }))),
  );
}
