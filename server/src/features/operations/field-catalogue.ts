import type { CataloguedField } from '@valtronics/contract';
import { fieldCatalogue } from '../../security/fields/catalogue.ts';
import { type Field, legalBases, retentions, type Viewers } from '../../security/fields/field.ts';

/** The field catalogue, as those read it who answer for it. */
export const presentedCatalogue = (): CataloguedField[] =>
  fieldCatalogue.map(present).toSorted((a, b) => a.id.localeCompare(b.id, 'en'));

const presentViewers = (viewers: Viewers) => (viewers === 'members' ? viewers : [...viewers]);

function present(field: Field): CataloguedField {
  const { id, table, column, path = null, mask, search, stored } = field;
  return {
    id,
    table,
    column,
    path,
    class: field.class,
    clear: presentViewers(field.clear),
    masked: presentViewers(field.masked),
    mask,
    revealBy: [...(field.revealBy ?? [])],
    retention: retentions[field.retention],
    legalBasis: legalBases[field.basis],
    search,
    stored: {
      as: stored.as,
      with: stored.as === 'sealed' ? stored.with : null,
      why: stored.as === 'clear' ? stored.why : null,
    },
  };
}
