import { Group, Stack } from '@mantine/core';
import { type Incident, incidentAssign, type User } from '@valtronics/contract';
import { asProblem } from '../../api/problem-error.ts';
import { useMay, useMe } from '../../api/session.ts';
import { useChange } from '../../api/use-endpoint.ts';
import { GuardedButton } from '../../ui/guarded.tsx';
import { Panel } from '../../ui/page.tsx';
import { sayDone, sayProblem } from '../../ui/toasts.tsx';
import { AccountPicker } from '../api-keys/account-picker.tsx';

/** Whose it is, and who takes it. */
export function OwnerPanel({ incident, refusal }: { incident: Incident; refusal: string | undefined }) {
  const me = useMe();
  const mayChoose = useMay('user:manage');
  const assign = useChange(incidentAssign, ['/incidents']);
  const { owner, id } = incident;
  const give = async (ownerId: string | null, whose: string) => {
    try {
      await assign.mutateAsync({ params: { id }, body: { ownerId } });
      sayDone(`“${incident.title}” is ${whose}`);
    } catch (failure) {
      sayProblem(asProblem(failure));
    }
  };
  const nameOf = ({ name, email }: User) => name ?? email;
  return (
    <Panel title="Owner">
      <Stack gap="xs">
        <b>{owner ? owner.label : <span className="dim">Nobody yet</span>}</b>
        <Group gap="xs">
          <GuardedButton
            variant="default"
            size="compact-sm"
            loading={assign.isPending}
            refusal={refusal ?? (owner?.id === me.id ? 'It is yours already' : undefined)}
            onClick={() => void give(me.id, 'yours')}
          >
            Take it
          </GuardedButton>
          {owner ? (
            <GuardedButton
              variant="default"
              size="compact-sm"
              refusal={refusal}
              onClick={() => void give(null, 'nobody’s')}
            >
              Give up
            </GuardedButton>
          ) : null}
        </Group>
        {mayChoose && !refusal ? (
          <AccountPicker
            label="Give it to"
            kind="person"
            value={null}
            account={undefined}
            nothingFound="Nobody of that name"
            width="100%"
            onChange={(person) => {
              if (person) void give(person.id, `${nameOf(person)}’s`);
            }}
          />
        ) : null}
      </Stack>
    </Panel>
  );
}
