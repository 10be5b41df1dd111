import type { Rate } from '@valtronics/contract';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../../lib/clock.ts';
import type { AddressList } from '../../platform/config/addresses.ts';
import type { Secret } from '../../platform/config/secret.ts';
import type { Logger } from '../../platform/log/log.ts';
import type { Metrics } from '../../platform/metrics/metrics.ts';
import type { Authentication } from '../access/authentication.ts';
import type { DevicePrincipal } from '../access/principal.ts';
import type { RecordReading } from '../audit/readings.ts';
import type { Transactions } from '../audit/transactions.types.ts';
import type { SecurityEvents } from '../events/security-event.ts';
import type { SecondEngine } from '../inspection/core-rules/core-rules.ts';
import type { PersonalData } from '../personal-data/personal-data.ts';
import type { Blocks } from '../shield/blocks.ts';
import type { Guessing } from '../shield/guessing.types.ts';
import type { Limiter } from '../shield/limiter.ts';
import type { EndpointGate } from './endpoint-gate.ts';
import type { CertificateOf } from './http-callers.ts';
import type { Places } from './places.ts';
import type { UnparsedReports } from './unparsed-reports.ts';
import type { Served } from './web-fallback.ts';

export interface HttpGateOptions {
  readonly app: FastifyInstance;
  readonly transactions: Transactions;
  readonly recordReading: RecordReading;
  readonly authentication: Authentication;
  readonly limiter: Limiter;
  readonly blocks: Pick<Blocks, 'of' | 'ofPrincipal'>;
  readonly guessing: Pick<Guessing, 'refusedWhileBlocked'>;
  readonly events: SecurityEvents;
  /** Told whose a connection is, for what ends on it before it is a request. */
  readonly unparsed: Pick<UnparsedReports, 'letIn'>;
  readonly places: Places;
  readonly clock: Clock;
  readonly publicOrigin: string;
  readonly trustedProxies: AddressList;
  /** How to know a connection that a device's certificate began; without it there is none. */
  readonly certificateOf?: CertificateOf | undefined;
  /** Tokens are given out to who proves a key only (RFC 9449, 5). */
  readonly dpopRequired?: boolean;
  readonly metricsToken: Secret | undefined;
  /** What a device may send, on all transports together. */
  readonly ingestRate: Rate;
  /** Asked about what the first engine of inspection let by; without it that one decides alone. */
  readonly secondEngine?: SecondEngine | undefined;
  readonly personalData: Pick<PersonalData, 'judge'>;
  readonly sessionCookieSeconds: number;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Check every answer against its schema; for tests, since a wrong answer is our fault and no caller's. */
  readonly checkAnswers?: boolean;
}

export interface HttpGate extends EndpointGate {
  /** Files of the web interface: the one thing served that the contract does not name. */
  serveFallback(serve: (request: FastifyRequest, reply: FastifyReply) => Served): void;
  /** Told of every request a device was let in with. Must return at once. */
  onDevice(listener: (device: DevicePrincipal) => void): void;
  /** Throws when an endpoint of the contract has no handler. */
  assertComplete(): void;
}
