// Keys, as those see them who run the instance: where they lie, what is sealed under which, and the rotation, which they may begin.
import type { Config } from '../../platform/config/config.ts';
import type { EndpointGate } from '../../security/gate/endpoint-gate.ts';
import type { DataKeyRotation } from '../../security/keys/data-key-rotation.ts';
import type { KeyCensus } from '../../security/keys/key-census.ts';
import type { KeyEpochs } from '../../security/keys/key-epochs.ts';
import { keyStoreFileOf } from '../../security/keys/open-data-keys.ts';
import { findRootKey } from '../../security/keys/root-key-place.ts';
import { addKeyRoutes } from './key.routes.ts';

export function createKeys(deps: {
  gate: EndpointGate;
  epochs: KeyEpochs;
  rotation: DataKeyRotation;
  census: KeyCensus;
  config: Config;
}): void {
  const { config, ...others } = deps;
  const keyStoreFile = keyStoreFileOf(config.dataDir);
  addKeyRoutes({ ...others, keyStoreFile, copies: config.keyStoreCopies, rootKeyPlace: () => findRootKey(config) });
}
