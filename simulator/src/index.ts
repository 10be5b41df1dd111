export { type Backoff, exponentialBackoff } from './connect/backoff.ts';
export { type HttpLinkOptions, openHttpLink } from './connect/http-link.ts';
export {
  type Command,
  type CommandHandler,
  type DeviceLink,
  type LinkCounts,
  type LinkOptions,
  LinkRefused,
} from './connect/link.ts';
export { type MqttLinkOptions, openMqttLink } from './connect/mqtt-link.ts';
export { openLink, type Target } from './connect/open-link.ts';
export { openWebSocketLink, type WebSocketLinkOptions } from './connect/websocket-link.ts';
export { demoRules } from './demo-rules.ts';
export { pointsBetween, type SimulatedDevice, type SimulatedPoint, type Transport } from './device.ts';
export { demoFleet, type FleetOptions, syntheticFleet } from './fleet.ts';
export type { Metric, Model, Sample } from './models/model.ts';
export { describeReplay, type ReplayProgress, type ReplaySummary } from './replay/progress.ts';
export type { BadLine } from './replay/record.ts';
export { type ReplayDevice, type ReplayOptions, replay } from './replay/replay.ts';
export { type FleetMember, type FleetProgress, type FleetRun, runFleet } from './simulate.ts';
