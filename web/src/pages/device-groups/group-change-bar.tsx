import { Button, Group, Modal, Stack, Text } from '@mantine/core';
import { useBlocker } from 'react-router';
import { countText } from '../../ui/format-value.ts';
import { FormProblem } from '../../ui/forms/form-problem.tsx';
import { GuardedButton } from '../../ui/guarded.tsx';
import { paths } from '../../ui/paths.ts';
import classes from './device-groups.module.css';
import { devicesText } from './group-words.ts';
import { devicesAtMost, type GroupChoice } from './use-group-choice.ts';

/** What would change, and whether it should; stays in sight while the list scrolls. */
export function GroupChangeBar({ choice, isLeaving }: { choice: GroupChoice; isLeaving: boolean }) {
  const { chosen, added, removed, isChanged, problem } = choice;
  const blocker = useBlocker(
    ({ currentLocation, nextLocation }) =>
      isChanged &&
      !isLeaving &&
      // Who signs out is not held back.
      ![currentLocation.pathname, paths.signIn].includes(nextLocation.pathname),
  );
  const tooMany = chosen.size > devicesAtMost ? `A group holds at most ${countText(devicesAtMost)} devices` : undefined;
  return (
    <>
      {isChanged ? (
        <section className={classes.bar} aria-label="Changes of the group">
          <Text size="sm" className={classes.what}>
            <b>{tooMany ? `More than ${countText(devicesAtMost)} devices` : `${devicesText(chosen.size)} chosen`}</b>
            <span className="dim">
              {' '}
              {tooMany
                ? 'are chosen, and no group holds as many'
                : [added > 0 ? `${countText(added)} more` : '', removed > 0 ? `${countText(removed)} fewer` : '']
                    .filter(Boolean)
                    .join(', ')}
            </span>
          </Text>
          <Group gap="xs">
            <Button variant="default" onClick={choice.discard}>
              Discard
            </Button>
            <GuardedButton refusal={tooMany} loading={choice.isSaving} onClick={() => void choice.save()}>
              Save devices
            </GuardedButton>
          </Group>
          {problem ? (
            <div className={classes.problem}>
              <FormProblem problem={{ ...problem, title: problem.title, detail: detailOf(problem) }} />
            </div>
          ) : null}
        </section>
      ) : null}
      {blocker.state === 'blocked' ? (
        <Modal
          opened
          onClose={() => blocker.reset()}
          title="Leave without saving?"
          closeButtonProps={{ 'aria-label': 'Close' }}
        >
          <Stack gap="sm">
            <Text size="sm">The devices you chose are not saved: the group stays as it was.</Text>
            <Group justify="flex-end" gap="xs">
              <Button variant="default" onClick={() => blocker.reset()}>
                Stay
              </Button>
              <Button color="red.8" onClick={() => blocker.proceed()}>
                Leave
              </Button>
            </Group>
          </Stack>
        </Modal>
      ) : null}
    </>
  );
}

const detailOf = ({ errors, detail }: NonNullable<GroupChoice['problem']>) =>
  errors.length > 0 ? 'One of the devices is no longer there. Discard, and choose again.' : detail;
