import { z } from 'zod';
import { endpoint } from './endpoint.ts';
import { permissions } from './permissions.ts';
import { needs, unaudited } from './policy.ts';

export const fieldClasses = ['personal', 'health', 'secret', 'identifier'] as const;

const viewers = z
  .union([z.literal('members'), z.array(z.enum(permissions))])
  .describe('everybody of the organisation, or who holds one of these permissions; empty: nobody');

export const cataloguedField = z.strictObject({
  id: z.string().describe('table.column, or table.column.path within JSON'),
  table: z.string(),
  column: z.string(),
  path: z.string().nullable(),
  class: z.enum(fieldClasses),
  clear: viewers,
  masked: viewers.describe('who sees a mask in its place; whoever is in neither sees nothing'),
  mask: z.enum(['email', 'phone', 'card', 'text']),
  revealBy: z.array(z.enum(permissions)).describe('with one of these a mask can be lifted, with a reason'),
  retention: z.string(),
  legalBasis: z.string(),
  search: z.enum(['exact', 'part', 'no']),
  stored: z.strictObject({
    as: z.enum(['sealed', 'wrapped', 'hashed', 'clear']),
    with: z
      .enum(['organisation', 'subject', 'subject or organisation', 'instance'])
      .nullable()
      .describe('whose key it is sealed with; of the organisation where nobody is known to be measured'),
    why: z.string().nullable().describe('why it stands in clear'),
  }),
});
export type CataloguedField = z.infer<typeof cataloguedField>;

export const fieldCatalogueGet = endpoint({
  method: 'GET',
  path: '/field-catalogue',
  summary: 'Every sensitive field there is: who sees it, how long and why it is kept, and how it is stored',
  response: z.strictObject({ items: z.array(cataloguedField) }),
  access: needs('system:admin'),
  rate: 'api',
  audit: unaudited('the catalogue is part of the product and holds no values'),
});
