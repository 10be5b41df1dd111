import { Button, Group, Skeleton, Stack } from '@mantine/core';
import {
  type IdentityProvider,
  identityProviderChange,
  identityProviderCreate,
  identityProviderDelete,
  identityProviderGet,
} from '@valtronics/contract';
import { type ReactNode, useState } from 'react';
import { useNavigate, useParams } from 'react-router';
import { useRefusal } from '../../api/session.ts';
import { useChange, useEndpoint } from '../../api/use-endpoint.ts';
import { FormProblem } from '../../ui/forms/form-problem.tsx';
import { schemaErrors, useContractForm } from '../../ui/forms/use-contract-form.ts';
import { GuardedButton } from '../../ui/guarded.tsx';
import { BackTo, PageHeader, Panel } from '../../ui/page.tsx';
import { paths } from '../../ui/paths.ts';
import { ErrorState } from '../../ui/states/states.tsx';
import { sayDone } from '../../ui/toasts.tsx';
import { DeleteProviderDialog } from './delete-provider-dialog.tsx';
import { addressesOf, ProviderAddresses } from './provider-addresses.tsx';
import { changesOf, missing, type ProviderForm, policyOf, providerValues } from './provider-form.ts';
import { EntrySection, IdentitySection, TrustSection } from './provider-sections.tsx';
import { ProviderState } from './provider-state.tsx';
import { ProviderSwitch } from './provider-switch.tsx';
import { ProviderTest } from './provider-test.tsx';
import classes from './providers.module.css';

/** What changes with a provider: itself, and what the sign-in page and people's accounts offer. */
const stale = ['/identity-providers', '/auth/providers', '/auth/identities'];

const back = <BackTo path={paths.providers}>Sign-in providers</BackTo>;

export function NewProviderPage() {
  const form = useContractForm(providerValues());
  const create = useChange(identityProviderCreate, stale);
  const navigate = useNavigate();
  const submit = async () => {
    const { slug, issuer, clientSecret } = form.values;
    const body = { ...policyOf(form.values), slug: slug.trim(), issuer: issuer.trim(), clientSecret };
    const empty = missing(form.values, true);
    if (Object.keys(empty).length > 0)
      return form.fail({ ...schemaErrors(identityProviderCreate.body, body), ...empty });
    await form.submit(identityProviderCreate.body, body, async (sound) => {
      const made = await create.mutateAsync({ body: sound });
      sayDone(`${made.name} added`, 'It is off until you enable it. Test it first.');
      await navigate(paths.provider(made.id), { replace: true });
    });
  };
  return (
    <>
      <PageHeader before={back} title="New sign-in provider" detail="Off until you enable it" />
      <div className={classes.columns}>
        <Sections form={form} action="Add provider" busy={create.isPending} onSubmit={submit} />
        <div className={classes.column}>
          <Panel title="How it goes">
            <ol className={classes.steps}>
              <li>Choose a slug, and register us at the provider with the addresses below.</li>
              <li>Enter the issuer, client id and secret it gives you, and say who gets in.</li>
              <li>Add it, test it, and enable it.</li>
            </ol>
          </Panel>
          <ProviderAddresses addresses={addressesOf(form.values.slug.trim() || 'your-slug')} />
        </div>
      </div>
    </>
  );
}

export function ProviderPage() {
  const { id = '' } = useParams();
  const { data, error, refetch } = useEndpoint(identityProviderGet, { params: { id } });
  const navigate = useNavigate();
  const removeRefusal = useRefusal(identityProviderDelete);
  const [deleting, setDeleting] = useState(false);
  if (error && !data) return <ErrorState problem={error} onRetry={() => void refetch()} />;
  if (!data) return <Skeleton height={480} />;
  return (
    <>
      <PageHeader
        before={back}
        title={data.name}
        after={<ProviderState provider={data} />}
        detail={data.issuer}
        actions={
          <>
            <GuardedButton variant="default" refusal={removeRefusal} onClick={() => setDeleting(true)}>
              Delete…
            </GuardedButton>
            <ProviderSwitch provider={data} stale={stale} />
          </>
        }
      />
      <div className={classes.columns}>
        {/* Anew after it was saved, but not when it was only switched on or off: what is typed stays. */}
        <ChangeForm key={JSON.stringify({ ...data, enabled: null })} provider={data} />
        <div className={classes.column}>
          <ProviderTest provider={data} />
          <ProviderAddresses addresses={data} />
        </div>
      </div>
      {deleting ? (
        <DeleteProviderDialog
          provider={data}
          onDeleted={() => navigate(paths.providers)}
          onClose={() => setDeleting(false)}
        />
      ) : null}
    </>
  );
}

function ChangeForm({ provider }: { provider: IdentityProvider }) {
  const form = useContractForm(providerValues(provider));
  const change = useChange(identityProviderChange, stale);
  const body = changesOf(provider, form.values);
  const submit = async () => {
    const empty = missing(form.values, false);
    if (Object.keys(empty).length > 0)
      return form.fail({ ...schemaErrors(identityProviderChange.body, body), ...empty });
    await form.submit(identityProviderChange.body, body, async (sound) => {
      await change.mutateAsync({ params: { id: provider.id }, body: sound });
      form.set('clientSecret', '');
      sayDone(`${form.values.name.trim()} saved`);
    });
  };
  return (
    <Sections
      form={form}
      provider={provider}
      action="Save"
      unchanged={Object.keys(body).length === 0 ? 'Nothing is changed yet' : undefined}
      busy={change.isPending}
      onSubmit={submit}
    />
  );
}

interface SectionsProps {
  form: ProviderForm;
  provider?: IdentityProvider;
  action: string;
  unchanged?: string | undefined;
  busy: boolean;
  onSubmit: () => Promise<void>;
}

function Sections({ form, provider, action, unchanged, busy, onSubmit }: SectionsProps): ReactNode {
  const mayNot = useRefusal(provider ? identityProviderChange : identityProviderCreate);
  const refusal = mayNot ?? unchanged;
  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        const { currentTarget } = event;
        if (!refusal) void onSubmit().then(() => goToFirstFault(currentTarget));
      }}
    >
      <Stack gap="md">
        <IdentitySection form={form} provider={provider} />
        <EntrySection form={form} />
        <TrustSection form={form} />
        <FormProblem problem={form.problem} />
        <Group justify="flex-end">
          {refusal ? (
            <GuardedButton refusal={refusal}>{action}</GuardedButton>
          ) : (
            <Button type="submit" loading={busy}>
              {action}
            </Button>
          )}
        </Group>
      </Stack>
    </form>
  );
}

/** The form is longer than a screen, and its button at the end. */
function goToFirstFault(form: HTMLFormElement): void {
  requestAnimationFrame(() => form.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus());
}
