import * as contract from '@valtronics/contract';
import { Problem } from '../../lib/problem.ts';
import { advisoryLocks } from '../../platform/db/advisory-locks.ts';
import { runsInstance } from '../../security/access/instance.repository.ts';
import type { Reader } from '../../security/audit/tokens.ts';
import type { EndpointGate } from '../../security/gate/endpoint-gate.ts';
import type { DataKeyRotation } from '../../security/keys/data-key-rotation.ts';
import type { KeyCensus } from '../../security/keys/key-census.ts';
import type { KeyEpochs } from '../../security/keys/key-epochs.ts';
import type { RootKeyPlace } from '../../security/keys/root-key-place.ts';
import { presentEpoch, presentRotation, presentStore } from './key.ts';
import { isHeld } from './key-lock.repository.ts';

export function addKeyRoutes(deps: {
  gate: EndpointGate;
  epochs: Pick<KeyEpochs, 'list'>;
  rotation: Pick<DataKeyRotation, 'begin' | 'progress'>;
  census: Pick<KeyCensus, 'look' | 'storeState'>;
  rootKeyPlace: () => RootKeyPlace;
  keyStoreFile: string;
  copies: { readonly folder: string | undefined; readonly days: number };
}): void {
  const { gate, epochs, rotation, census, rootKeyPlace, keyStoreFile, copies } = deps;

  /** Epochs are of the whole instance, and so is what the disk of the server says. */
  async function mustRun(reader: Reader): Promise<void> {
    if (!(await runsInstance(reader)))
      throw new Problem('forbidden', { detail: 'Keys are for the organisation that runs this instance.' });
  }

  const isRunning = () => rotation.progress().state === 'running';

  gate.handle(contract.keysGet, async ({ read }) => {
    const isElsewhere = await read(async (reader) => {
      await mustRun(reader);
      return !isRunning() && (await isHeld(reader, advisoryLocks.keyRotation));
    });
    const count = await census.look();
    const shown = (await epochs.list()).map((epoch) => presentEpoch(epoch, count));
    return {
      rootKey: rootKeyPlace(),
      epochs: shown,
      countedAt: count?.at.toISOString() ?? null,
      // What ended while it was looked at is not elsewhere.
      rotation: presentRotation(rotation.progress(), isElsewhere && !isRunning(), shown),
      keyStore: presentStore(await census.storeState(), keyStoreFile, count, copies),
    };
  });

  gate.handle(contract.keysRotate, async ({ body, principal, read, write }) => {
    await read(async (reader) => {
      await mustRun(reader);
      if (isRunning() || (await isHeld(reader, advisoryLocks.keyRotation)))
        throw new Problem('conflict', { detail: 'A rotation is under way: one at a time.' });
    });
    await write(async (tx) =>
      tx.describe({ resource: { kind: 'key_rotation', id: body.resume ? 'resumed' : 'new' }, details: body }),
    );
    // Recorded first: what was asked for is on record also where nothing comes of it.
    await rotation.begin({ kind: 'user', id: principal.userId, label: principal.email }, body);
    return rotation.progress();
  });
}
