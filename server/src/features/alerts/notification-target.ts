import type { Place } from '../../security/crypto/sealed-value.ts';
import type { DataKeys } from '../../security/keys/data-keys.ts';

/** Where the address of a channel is kept: of a person, or a webhook's, in which services often write what lets one post there. */
export const targetPlace = (organisation: number, channelId: string): Place => ({
  organisation,
  table: 'notification_channels',
  column: 'target_sealed',
  row: channelId,
});

/** Of a row either, and of a release before it is in clear. */
interface StoredTarget {
  readonly id: string;
  readonly organisationId: number;
  readonly targetSealed: Buffer | null;
  readonly target: string | null;
}

export const sealTarget = (dataKeys: Pick<DataKeys, 'seal'>, organisation: number, id: string, target: string) =>
  dataKeys.seal(target, targetPlace(organisation, id));

/** The addresses of rows, in their order; undefined where one does not open. */
export async function openTargets(
  dataKeys: Pick<DataKeys, 'openAll'>,
  rows: readonly StoredTarget[],
): Promise<(string | undefined)[]> {
  const sealed = rows.flatMap(({ id, organisationId, targetSealed }) =>
    targetSealed === null ? [] : [{ sealed: targetSealed, place: targetPlace(organisationId, id) }],
  );
  const opened = (await dataKeys.openAll(sealed)).values();
  return rows.map(({ targetSealed, target }) =>
    targetSealed === null ? (target ?? undefined) : (opened.next().value ?? undefined),
  );
}
