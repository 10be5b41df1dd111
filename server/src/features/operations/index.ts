// Operations: what the people and machines that run the platform ask of it: is it well, what does it count, what does it expose.
import * as contract from '@valtronics/contract';
import { Problem } from '../../lib/problem.ts';
import type { Metrics } from '../../platform/metrics/metrics.ts';
import type { EndpointGate } from '../../security/gate/endpoint-gate.ts';
import { htmlHeaders, newNonce } from '../../security/shield/headers.ts';
import { docsPage } from './docs-page.ts';
import { presentedCatalogue } from './field-catalogue.ts';
import { openApi } from './openapi.ts';

export interface OperationsDependencies {
  gate: EndpointGate;
  metrics: Metrics;
  /** Each check by name; answers within its own time-out. */
  readiness: Readonly<Record<string, () => Promise<boolean>>>;
}

export function createOperations({ gate, metrics, readiness }: OperationsDependencies): void {
  gate.handle(contract.healthLive, async () => ({ status: 'ok' as const }));

  gate.handle(contract.healthReady, async () => {
    const results = await Promise.all(
      Object.entries(readiness).map(async ([name, check]) => [name, (await check()) ? 'ok' : 'unavailable'] as const),
    );
    const failing = results.filter(([, result]) => result !== 'ok').map(([name]) => name);
    if (failing.length > 0)
      throw new Problem('unavailable', { detail: `Not ready: ${failing.join(', ')}.`, retryAfterSeconds: 2 });
    return { status: 'ok' as const, checks: Object.fromEntries(results) };
  });

  const items = presentedCatalogue();
  gate.handle(contract.fieldCatalogueGet, async () => ({ items }));

  gate.handle(contract.metricsScrape, () => metrics.render());

  const document = JSON.stringify(openApi());
  gate.handle(contract.openApiDocument, async () => ({
    contentType: 'application/json; charset=utf-8',
    body: document,
  }));

  gate.handle(contract.docsPage, async () => {
    const nonce = newNonce();
    return { contentType: 'text/html; charset=utf-8', body: docsPage(nonce), headers: htmlHeaders(nonce) };
  });
}
