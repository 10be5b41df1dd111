import { endpoints, streams, topics } from '@valtronics/contract';
import { accessText, auditText, problemTable, rateText } from './openapi.ts';

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
const htmlText = (text: string): string => text.replaceAll(/[&<>"']/g, (character) => entities[character] ?? character);
const row = (cells: readonly string[]): string =>
  `<tr>${cells.map((cell) => `<td>${htmlText(cell)}</td>`).join('')}</tr>`;
const table = (heads: readonly string[], rows: readonly (readonly string[])[]): string =>
  `<table><thead><tr>${heads.map((head) => `<th>${htmlText(head)}</th>`).join('')}</tr></thead><tbody>${rows.map(row).join('')}</tbody></table>`;

const style = `
  :root { color-scheme: light dark; font: 14px/1.5 system-ui, sans-serif; }
  body { margin: 0 auto; max-width: 1200px; padding: 24px; }
  h1 { font-size: 22px; } h2 { font-size: 16px; margin-top: 32px; }
  table { border-collapse: collapse; width: 100%; font-size: 13px; }
  th, td { text-align: left; vertical-align: top; padding: 6px 10px; border-bottom: 1px solid color-mix(in srgb, currentColor 15%, transparent); }
  td:first-child { white-space: nowrap; font-family: ui-monospace, monospace; }
`;

/** The interface as a page: what there is, who may use it, how fast, and what is recorded. Needs the nonce of the answer's policy. */
export function docsPage(nonce: string): string {
  const http = Object.values(endpoints).map((endpoint) => [
    `${endpoint.method} ${endpoint.root ? '' : '/api/v1'}${endpoint.path}`,
    endpoint.summary,
    accessText(endpoint.access),
    endpoint.rate,
    auditText(endpoint.audit),
  ]);
  const mqtt = topics.map((topic) => [
    topic.pattern,
    topic.direction,
    topic.summary,
    `${topic.maxBytes.toLocaleString('en')} bytes`,
  ]);
  const live = streams.map((stream) => [stream.channel, stream.direction, stream.summary, accessText(stream.access)]);
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Valtronics interface</title>
<style nonce="${nonce}">${style}</style></head><body>
<h1>Valtronics interface</h1>
<p>Everything the platform exposes. The same as <a href="/api/v1/openapi.json">OpenAPI 3.1</a>.</p>
<h2>HTTP</h2>${table(['Endpoint', 'What it does', 'Who', 'Rate', 'Recorded as'], http)}
<h2>MQTT</h2>${table(['Topic', 'A device may', 'What it is', 'At most'], mqtt)}
<h2>Live: WebSocket /api/v1/live</h2>${table(['Channel', 'Direction', 'What it is', 'Who'], live)}
<h2>Rates</h2>${table(['Class', 'Limit'], Object.entries(rateText))}
<h2>Problems</h2>${table(
    ['Code', 'Status', 'Meaning'],
    problemTable.map(({ code, status, title }) => [code, String(status), title]),
  )}
</body></html>`;
}
