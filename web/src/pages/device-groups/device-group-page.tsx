import { Skeleton } from '@mantine/core';
import { deviceGroupChange, deviceGroupDelete, deviceGroupGet } from '@valtronics/contract';
import { useState } from 'react';
import { useNavigate, useParams } from 'react-router';
import { useRefusal } from '../../api/session.ts';
import { useEndpoint } from '../../api/use-endpoint.ts';
import { paths } from '../../ui/paths.ts';
import { ErrorState } from '../../ui/states/states.tsx';
import { ThingHeader } from '../../ui/thing-header.tsx';
import { DeleteGroupDialog } from './delete-group-dialog.tsx';
import { GroupDevices } from './group-devices.tsx';
import { GroupNameDialog } from './group-name-dialog.tsx';
import { devicesText, limitedTo } from './group-words.ts';

export function DeviceGroupPage() {
  const { id = '' } = useParams();
  const navigate = useNavigate();
  const changeRefusal = useRefusal(deviceGroupChange);
  const deleteRefusal = useRefusal(deviceGroupDelete);
  const [dialog, setDialog] = useState<'rename' | 'delete' | null>(null);
  const [isGone, setIsGone] = useState(false);
  // What is being deleted is not asked for again until the page is left.
  const enabled = dialog !== 'delete' && !isGone;
  const { data: group, error, refetch } = useEndpoint(deviceGroupGet, { params: { id } }, { enabled });

  if (error && !group) return <ErrorState problem={error} onRetry={() => void refetch()} />;
  if (!group) return <Skeleton height={320} aria-label="Loading the group" />;
  const limited = limitedTo(group);
  return (
    <>
      <ThingHeader
        title={group.name}
        detail={`${devicesText(group.devices)}; ${limited === undefined ? 'nobody is limited to it' : `${limited} limited to it`}`}
        list={{ name: 'Device groups', path: paths.deviceGroups }}
        change={{ label: 'Rename', refusal: changeRefusal, onClick: () => setDialog('rename') }}
        remove={{ refusal: deleteRefusal, onClick: () => setDialog('delete') }}
      />
      <GroupDevices key={group.id} group={group} isLeaving={!enabled} />
      {dialog === 'rename' ? (
        <GroupNameDialog group={group} onDone={() => setDialog(null)} onClose={() => setDialog(null)} />
      ) : null}
      {dialog === 'delete' ? (
        <DeleteGroupDialog
          group={group}
          onDeleted={() => {
            setIsGone(true);
            void navigate(paths.deviceGroups);
          }}
          onClose={() => setDialog(null)}
        />
      ) : null}
    </>
  );
}
