import type { Transport } from '../device.ts';
import { openHttpLink } from './http-link.ts';
import type { DeviceLink, LinkOptions } from './link.ts';
import { openMqttLink } from './mqtt-link.ts';
import { openWebSocketLink } from './websocket-link.ts';

/** Where the server is, and whose certificates to believe. */
export interface Target {
  /** `https://host:8000`, for HTTP and WebSocket */
  readonly httpUrl: string;
  /** `mqtts://host:8883` */
  readonly mqttUrl: string;
  /** PEM of the certificate authority; the system's own unless told. */
  readonly ca?: string | Buffer | undefined;
}

export function openLink(transport: Transport, target: Target, options: Omit<LinkOptions, 'ca'>): DeviceLink {
  const common = { ...options, ca: target.ca };
  if (transport === 'mqtt') return openMqttLink({ ...common, url: target.mqttUrl });
  if (transport === 'http') return openHttpLink({ ...common, url: target.httpUrl });
  return openWebSocketLink({ ...common, url: target.httpUrl });
}
