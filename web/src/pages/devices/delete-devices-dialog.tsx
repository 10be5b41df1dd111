import { type Device, deviceDelete } from '@valtronics/contract';
import { useChange } from '../../api/use-endpoint.ts';
import { ConfirmDialog } from '../../ui/forms/confirm-dialog.tsx';
import { sayDone } from '../../ui/toasts.tsx';

/** One device is confirmed by its name, several by how many they are. */
export function DeleteDevicesDialog({
  devices,
  onDeleted,
  onClose,
}: {
  devices: readonly Device[];
  onDeleted: (id: string) => void;
  onClose: () => void;
}) {
  const remove = useChange(deviceDelete, ['/devices', '/alerts', '/alert-rules', '/telemetry']);
  const [only] = devices;
  const what = devices.length === 1 && only ? only.name : `${devices.length} devices`;
  return (
    <ConfirmDialog
      title={`Delete ${what}?`}
      action={`Delete ${what}`}
      typed={what}
      onClose={onClose}
      onConfirm={async () => {
        for (const { id } of devices) {
          await remove.mutateAsync({ params: { id } });
          onDeleted(id);
        }
        sayDone(`${what} deleted`);
      }}
    >
      Their telemetry, alerts and credentials go with them and open connections end. This cannot be undone.
      {devices.length > 1 ? (
        <ul>
          {devices.slice(0, 8).map(({ id, name }) => (
            <li key={id}>{name}</li>
          ))}
          {devices.length > 8 ? <li>and {devices.length - 8} more</li> : null}
        </ul>
      ) : null}
    </ConfirmDialog>
  );
}
