import type { Reader, WriteTx } from '../../security/audit/tokens.ts';
import { identitySubjectIndex } from '../../security/keys/blind-indexes.ts';
import type { DataKeys } from '../../security/keys/data-keys.ts';
import { newestKeyEpoch } from '../../security/keys/key-epoch.repository.ts';
import { indexedText } from '../../security/keys/sealed-columns.ts';
import {
  findIdentity,
  insertIdentity,
  type LinkedIdentityRow,
  type NewIdentity,
} from './linked-identity.repository.ts';

/** Where it is kept what a provider calls a person. */
export const identityPlace = (organisation: number, row: string) => ({
  organisation,
  table: 'linked_identities',
  column: 'subject_sealed',
  row,
});

interface Who {
  readonly issuer: string;
  readonly subject: string;
}
type ClearIdentity = Omit<NewIdentity, 'subjectSealed' | 'subjectIndex' | 'otherIndexes'> & Who;
export type IdentityKeys = Pick<DataKeys, 'sealIndexed' | 'findIndexed'>;
export type LinkedIdentities = ReturnType<typeof createLinkedIdentities>;

/** Identities by what their provider calls them, which is sealed in the database and only ever looked for. */
export function createLinkedIdentities(dataKeys: IdentityKeys) {
  async function look(reader: Reader, organisationId: number, { issuer, subject }: Who) {
    let tried: Buffer[] = [];
    const indexed = indexedText(subject, issuer);
    const found = await dataKeys.findIndexed(identitySubjectIndex, organisationId, indexed, async (indexes) => {
      tried = indexes;
      return { found: await findIdentity(reader, indexes), newest: await newestKeyEpoch(reader) };
    });
    return { found, tried };
  }

  return {
    find: async (reader: Reader, organisationId: number, who: Who): Promise<LinkedIdentityRow | undefined> =>
      (await look(reader, organisationId, who)).found,

    /** False when the identity is linked already; the transaction can only be given up then. */
    async insert(tx: WriteTx, { subject, ...identity }: ClearIdentity): Promise<boolean> {
      const { id, organisationId, issuer } = identity;
      const { found, tried } = await look(tx, organisationId, { issuer, subject });
      if (found) return false;
      const place = identityPlace(organisationId, id);
      const indexed = indexedText(subject, issuer);
      const { sealed, index } = await dataKeys.sealIndexed(subject, place, identitySubjectIndex, { indexed });
      const otherIndexes = tried.filter((one) => !one.equals(index));
      return insertIdentity(tx, { ...identity, subjectSealed: sealed, subjectIndex: index, otherIndexes });
    },
  };
}
