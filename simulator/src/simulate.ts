import { pause } from './connect/backoff.ts';
import type { DeviceLink, LinkCounts } from './connect/link.ts';
import { openLink, type Target } from './connect/open-link.ts';
import { phaseMs, pointsAt, pointsBetween, type SimulatedDevice, type SimulatedPoint } from './device.ts';

export interface FleetMember {
  readonly device: SimulatedDevice;
  readonly deviceId: string;
  readonly token: string;
}

export interface FleetProgress extends LinkCounts {
  readonly devices: number;
  /** Devices the server refuses (deleted, or their credential revoked). */
  readonly refused: number;
  readonly commands: number;
}

export interface FleetRun {
  readonly devices: readonly FleetMember[];
  readonly target: Target;
  /**
   * How fast the simulated world moves; 1 unless told, and then what is sent joins `pointsBetween` without a seam. Points carry the
   * real time either way: at 60, an hour of weather passes in a minute.
   */
  readonly speed?: number | undefined;
  /** Begin with what was measured since then (milliseconds since 1970), to join a history already stored; now unless told. */
  readonly sinceMs?: number | undefined;
  readonly signal: AbortSignal;
  /** Every second, and once more at the end. */
  readonly onProgress?: ((progress: FleetProgress) => void) | undefined;
  readonly onProblem?: ((device: string, text: string) => void) | undefined;
}

/** A device that slept longer than this (a closed laptop) did not measure in the meantime. */
const MOST_CATCH_UP_MS = 60_000;
/** Between one device's start and the next: a thousand TLS handshakes at once would only queue up. */
const STAGGER_MS = 8;
const FLUSH_MS = 2000;

async function runDevice(
  { device }: FleetMember,
  link: DeviceLink,
  { speed = 1, sinceMs, signal }: FleetRun,
): Promise<void> {
  const intervalMs = device.intervalSeconds * 1000;
  const phase = phaseMs(device);
  const started = Date.now();
  const world = (at: number) => started + (at - started) * speed;
  let sentUntil = sinceMs !== undefined && speed === 1 ? Math.min(sinceMs, started) : started;
  let mostCatchUpMs = Number.POSITIVE_INFINITY;
  while (!signal.aborted) {
    const due = Math.ceil((sentUntil - phase) / intervalMs) * intervalMs + phase;
    await pause(Math.max(0, due - Date.now()), signal);
    if (signal.aborted) return;
    const until = Date.now() + 1;
    const from = Math.max(sentUntil, until - mostCatchUpMs);
    mostCatchUpMs = MOST_CATCH_UP_MS;
    sentUntil = Math.max(until, due + 1);
    const points: SimulatedPoint[] =
      speed === 1 ? [...pointsBetween(device, from, sentUntil)] : pointsAt(device, due, world(due), intervalMs * speed);
    if (points.length > 0) await link.send(points);
  }
}

function total(links: readonly DeviceLink[]): LinkCounts {
  const sum = { queued: 0, acknowledged: 0, rejected: 0, dropped: 0, reconnects: 0 };
  for (const link of links) {
    const counts = link.counts();
    sum.queued += counts.queued;
    sum.acknowledged += counts.acknowledged;
    sum.rejected += counts.rejected;
    sum.dropped += counts.dropped;
    sum.reconnects += counts.reconnects;
  }
  return sum;
}

/** Runs the devices against a server until the signal fires, each over its own transport; resolves with the final counts. */
export async function runFleet(run: FleetRun): Promise<FleetProgress> {
  const { devices, target, signal, onProgress, onProblem } = run;
  const links: DeviceLink[] = [];
  let refused = 0;
  let commands = 0;
  const progress = (): FleetProgress => ({ devices: devices.length, refused, commands, ...total(links) });

  async function start(member: FleetMember, index: number): Promise<void> {
    await pause(index * STAGGER_MS, signal);
    if (signal.aborted) return;
    const { device, deviceId, token } = member;
    const since = Date.now();
    const link = openLink(device.transport, target, {
      deviceId,
      token,
      onProblem: (text) => onProblem?.(device.name, text),
    });
    links.push(link);
    link.onCommand(({ name, payload }) => {
      commands++;
      return {
        command: name,
        payload: payload ?? null,
        serial: device.serial,
        upSeconds: Math.round((Date.now() - since) / 1000),
      };
    });
    try {
      await runDevice(member, link, run);
    } catch {
      // `send` only fails when the link has ended: the server refuses this device, the others go on.
      refused++;
    }
  }

  const reporting = onProgress && setInterval(() => onProgress(progress()), 1000);
  try {
    await Promise.all(devices.map(start));
    const flushing = Promise.allSettled(links.map((link) => link.flush()));
    await Promise.race([flushing, pause(FLUSH_MS)]);
  } finally {
    clearInterval(reporting);
    await Promise.allSettled(links.map((link) => link.close()));
  }
  const final = progress();
  onProgress?.(final);
  return final;
}
