import { Button, Stack, Text } from '@mantine/core';
import { IconAlertTriangle, IconCheck, IconPlugConnected } from '@tabler/icons-react';
import { type IdentityProvider, identityProviderTest } from '@valtronics/contract';
import type { ReactNode } from 'react';
import type { ResultOf } from '../../api/call.ts';
import { useChange } from '../../api/use-endpoint.ts';
import { FormProblem } from '../../ui/forms/form-problem.tsx';
import { Panel } from '../../ui/page.tsx';
import classes from './providers.module.css';

/** Asks the provider what it is, as the server sees it. */
export function ProviderTest({ provider }: { provider: IdentityProvider }) {
  const test = useChange(identityProviderTest, []);
  return (
    <Panel
      title="What it answers"
      aside={
        <Button
          variant="default"
          leftSection={<IconPlugConnected size={14} />}
          loading={test.isPending}
          onClick={() => test.mutate({ params: { id: provider.id } })}
        >
          Test
        </Button>
      }
    >
      <div aria-live="polite">
        {test.error ? <FormProblem problem={test.error} /> : null}
        {test.data && !test.error ? <Found found={test.data} /> : null}
        {!test.data && !test.error ? (
          <Text size="sm" c="dimmed">
            Nothing was asked yet. A test reads what the provider publishes; nobody is signed in, and the client secret
            is not tried.
          </Text>
        ) : null}
      </div>
    </Panel>
  );
}

function Found({ found }: { found: ResultOf<typeof identityProviderTest> }) {
  const missing = found.scopesNotSupported;
  return (
    <Stack gap="sm">
      <Verdict isGood={found.keys > 0 && missing.length === 0}>
        {found.keys === 0
          ? 'It answers, but publishes no keys: nothing it signs can be checked.'
          : missing.length > 0
            ? `It answers, but does not know the scope ${missing.join(', ')}.`
            : 'It answers, and all that is needed is there.'}
      </Verdict>
      <dl className={classes.answer}>
        <Line term="Sign-in page">{found.authorizationEndpoint}</Line>
        <Line term="Token endpoint">{found.tokenEndpoint}</Line>
        <Line term="Userinfo">{found.userinfoEndpoint ?? 'none: all has to stand in the ID token'}</Line>
        <Line term="Signs with">{found.signingAlgorithms.join(', ')}</Line>
        <Line term="Public keys">{found.keys}</Line>
        <Line term="Names itself in answers">
          {found.namesItselfInAnswers ? 'yes' : 'no; its own redirect URI stands in'}
        </Line>
      </dl>
    </Stack>
  );
}

function Verdict({ isGood, children }: { isGood: boolean; children: ReactNode }) {
  const Icon = isGood ? IconCheck : IconAlertTriangle;
  return (
    <Text size="sm" fw={500} className={classes.verdict ?? ''} data-good={isGood}>
      <Icon size={16} aria-hidden />
      {children}
    </Text>
  );
}

function Line({ term, children }: { term: string; children: ReactNode }) {
  return (
    <>
      <dt>{term}</dt>
      <dd>{children}</dd>
    </>
  );
}
