import { Stack } from '@mantine/core';
import type { RootKeyShown } from '@valtronics/contract';
import { Fact, Facts } from '../../ui/facts.tsx';
import { Panel } from '../../ui/page.tsx';
import classes from './keys.module.css';
import { Said } from './said.tsx';

const kinds: Record<RootKeyShown['kind'], string> = {
  file: 'A file of the server',
  mounted: 'A secret that is mounted',
  transit: 'Wrapped by Vault or OpenBao Transit, in clear in the memory of the server alone',
};

const faults = {
  data_folder: 'It lies beside the data: whoever copies the data folder has the key as well.',
  same_disk: 'It lies on the disk of the data: whoever takes the disk has the key as well.',
} as const;

export function RootKeyPanel({ rootKey }: { rootKey: RootKeyShown }) {
  return (
    <Panel title="Root key">
      <Stack gap="sm">
        <Facts>
          <Fact name="Kept as">{kinds[rootKey.kind]}</Fact>
          <Fact name="In">
            <span className={classes.place}>{rootKey.place}</span>
          </Fact>
        </Facts>
        <WhereItLies rootKey={rootKey} />
      </Stack>
    </Panel>
  );
}

function WhereItLies({ rootKey: { beside, leftBehind } }: { rootKey: RootKeyShown }) {
  if (beside)
    return (
      <Said tone="warning">
        {faults[beside]} Have Vault or OpenBao wrap it (VALTRONICS_TRANSIT_KEY and VALTRONICS_TRANSIT_TOKEN_FILE), or
        move the file to another disk and name it in VALTRONICS_ROOT_KEY; then start the server again. docs/root-key.md
        has the steps.
      </Said>
    );
  if (leftBehind)
    return (
      <Said tone="warning">
        Its file of before is still there, in clear: {leftBehind.place}. Keep a copy where no backup of the data is,
        then delete it here with shred -u, and from old backups of the data folder.
      </Said>
    );
  return <Said tone="resolved">Apart from the data: neither opens anything without the other.</Said>;
}
