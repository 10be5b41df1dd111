import type { SiemDelivery, SiemFormat, SiemKind, siemDestination } from '@valtronics/contract';
import type { z } from 'zod';
import { countText } from '../../ui/format-value.ts';
import { duration } from '../../ui/time/format-time.ts';

export type Destination = z.infer<typeof siemDestination>;

export const kindWords: Record<SiemKind, string> = {
  syslog_tls: 'Syslog over TLS',
  https: 'HTTPS, signed',
  splunk_hec: 'Splunk HEC',
  elasticsearch_bulk: 'Elasticsearch',
  file: 'Files',
};

export const formatWords: Record<SiemFormat, string> = { ecs: 'ECS', ocsf: 'OCSF', cef: 'CEF' };

export const targets: Record<SiemKind, { label: string; placeholder: string; hint: string }> = {
  syslog_tls: {
    label: 'Receiver',
    placeholder: 'siem.example.org:6514',
    hint: 'RFC 5424 over TLS; port 6514 unless told',
  },
  https: {
    label: 'URL',
    placeholder: 'https://siem.example.org/valtronics',
    hint: 'HTTPS; private addresses only where the server allows them',
  },
  splunk_hec: {
    label: 'URL',
    placeholder: 'https://splunk.example.org:8088/services/collector/event',
    hint: 'Of the HTTP Event Collector',
  },
  elasticsearch_bulk: {
    label: 'URL',
    placeholder: 'https://elastic.example.org:9200',
    hint: 'Of the cluster; events go to its _bulk',
  },
  file: {
    label: 'Folder',
    placeholder: 'siem',
    hint: 'A name makes a folder below the data folder; a path must be one the server allows',
  },
};

export const secrets: Partial<Record<SiemKind, { label: string; hint: string }>> = {
  splunk_hec: { label: 'Token', hint: 'Of the collector; kept sealed and never shown' },
  elasticsearch_bulk: { label: 'API key', hint: 'In base64, as Elasticsearch gives it; kept sealed and never shown' },
};

/** More than this is counted no further by the server. */
const mostCounted = 100_000;

export function lagText({ eventsBehind, secondsBehind, state }: SiemDelivery): string {
  if (eventsBehind === 0) return state === 'off' ? '–' : 'none';
  const count = eventsBehind >= mostCounted ? `${countText(mostCounted)} or more` : countText(eventsBehind);
  return `${count}, ${duration(secondsBehind)}`;
}
