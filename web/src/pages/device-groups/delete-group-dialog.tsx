import { type DeviceGroup, deviceGroupDelete } from '@valtronics/contract';
import { useChange } from '../../api/use-endpoint.ts';
import { countText } from '../../ui/format-value.ts';
import { ConfirmDialog } from '../../ui/forms/confirm-dialog.tsx';
import { sayDone } from '../../ui/toasts.tsx';
import { limitedTo } from './group-words.ts';
import { staleWithGroups } from './use-device-groups.ts';

interface Props {
  group: Pick<DeviceGroup, 'id' | 'name' | 'devices' | 'people' | 'apiKeys'>;
  onDeleted?: () => void;
  onClose: () => void;
}

export function DeleteGroupDialog({ group, onDeleted, onClose }: Props) {
  const { id, name, devices } = group;
  const remove = useChange(deviceGroupDelete, staleWithGroups);
  const limited = limitedTo(group);
  return (
    <ConfirmDialog
      title={`Delete the group ${name}?`}
      action="Delete the group"
      typed={name}
      onClose={onClose}
      onConfirm={async () => {
        await remove.mutateAsync({ params: { id } });
        sayDone(`The group ${name} is deleted`);
        onDeleted?.();
      }}
    >
      {limited === undefined
        ? 'Nobody is limited to it.'
        : `${limited} limited to it: they stay limited, and see ${devices === 1 ? 'its device' : `its ${countText(devices)} devices`} no more, unless another group of theirs or being its owner shows it to them. Who has no other group then sees only the devices they own.`}{' '}
      The devices and what they measured stay.
    </ConfirmDialog>
  );
}
