import type { Clock } from '../../../lib/clock.ts';
import type { Outbound } from '../../../platform/outbound/outbound.ts';
import { OutboundError } from '../../../platform/outbound/outbound-error.ts';
import type { OutboundTls } from '../../../platform/outbound/outbound-tls.ts';
import type { DataKeys } from '../../keys/data-keys.ts';
import { type Destination, parseSyslogTarget, siemPlace } from '../destination.ts';
import { syslogFrame } from '../formats/rfc5424.ts';
import { createFileLink, type FilePlaces } from './file-link.ts';
import { createFileSpace } from './file-space.ts';
import { createHttpLink } from './http-link.ts';
import type { Link } from './link.ts';
import { createSyslogLink } from './syslog-link.ts';

export interface LinkOpenerOptions {
  readonly outbound: Pick<Outbound, 'ask'>;
  readonly outboundTls: Pick<OutboundTls, 'connect'>;
  readonly dataKeys: Pick<DataKeys, 'open'>;
  readonly places: FilePlaces;
  /** What receivers know this instance as. */
  readonly host: string;
  readonly clock: Clock;
}

export type LinkOpener = (destination: Destination) => Promise<Link>;

/** The way to a destination; nothing is connected before something is sent. The secrets are opened here and live as long as the link. */
export function createLinkOpener(options: LinkOpenerOptions): LinkOpener {
  const { dataKeys, host, places } = options;
  const space = createFileSpace(places.ownFolder);

  return async (destination) => {
    const { ca, clientCertificate, clientKeySealed, secretSealed } = destination;
    const opened = async (sealed: Buffer | null, column: 'secret_sealed' | 'client_key_sealed') =>
      sealed === null ? undefined : (await dataKeys.open(sealed, siemPlace(destination, column))).toString('utf8');
    const tls = {
      ca: ca ?? undefined,
      certificate: clientCertificate ?? undefined,
      key: await opened(clientKeySealed, 'client_key_sealed'),
    };
    switch (destination.kind) {
      case 'file':
        return createFileLink(destination, places, space);
      case 'syslog_tls': {
        const place = parseSyslogTarget(destination.target);
        if (place === undefined) throw new OutboundError('refused', 'the target is not host:port');
        return createSyslogLink({
          outboundTls: options.outboundTls,
          target: { ...place, ...tls, serverName: destination.serverName ?? undefined },
          frame: (event) => syslogFrame(destination.format, event, host),
        });
      }
      default:
        return createHttpLink({
          ...options,
          destination,
          tls,
          secret: (await opened(secretSealed, 'secret_sealed')) ?? '',
        });
    }
  };
}
