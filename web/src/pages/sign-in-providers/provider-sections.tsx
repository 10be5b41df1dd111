import { Box, Checkbox, Input, NativeSelect, PasswordInput, Stack, Textarea, TextInput } from '@mantine/core';
import type { IdentityProvider } from '@valtronics/contract';
import type { ReactNode } from 'react';
import { DurationInput } from '../../ui/forms/duration-input.tsx';
import { Panel } from '../../ui/page.tsx';
import { faultIn, type ProviderForm, type ProviderValues } from './provider-form.ts';
import { RoleMapping } from './role-mapping.tsx';
import { useRoleChoices } from './use-role-choices.ts';

interface Props {
  form: ProviderForm;
  /** Undefined while it is being added. */
  provider?: IdentityProvider | undefined;
}

/** What it is, and what it knows us as. */
export function IdentitySection({ form, provider }: Props) {
  const settled = provider ? ({ readOnly: true, variant: 'filled' } as const) : {};
  return (
    <Section title="What it is">
      <TextInput
        data-autofocus
        label="Name"
        description="What the button on the sign-in page says"
        placeholder="Company account"
        maxLength={120}
        {...form.text('name')}
      />
      <TextInput
        label="Slug"
        description={provider ? 'In its addresses; stays as it is' : 'In its addresses; is not changed later'}
        placeholder="company"
        maxLength={40}
        classNames={{ input: 'mono' }}
        {...settled}
        {...form.text('slug')}
      />
      <TextInput
        label="Issuer"
        description={
          provider
            ? 'Links of people rest on it, so it stays as it is'
            : 'Exactly as the provider writes it, slash or no slash at the end; is not changed later'
        }
        placeholder="https://login.example.org/realms/company"
        maxLength={500}
        classNames={{ input: 'mono' }}
        {...settled}
        {...form.text('issuer')}
      />
      <TextInput
        label="Client id"
        maxLength={200}
        classNames={{ input: 'mono' }}
        autoComplete="off"
        {...form.text('clientId')}
      />
      <PasswordInput
        label="Client secret"
        description={
          provider
            ? 'Kept encrypted and never shown; leave empty to go on with the one there is'
            : 'Kept encrypted and never shown again'
        }
        maxLength={500}
        autoComplete="new-password"
        {...form.text('clientSecret')}
      />
      <Check
        form={form}
        field="listed"
        label="Shown on the sign-in page"
        description="To everybody who opens it. Without it, people need its address"
      />
    </Section>
  );
}

/** Who gets in, and as what. */
export function EntrySection({ form }: Props) {
  const { values, errors } = form;
  const choicesFor = useRoleChoices();
  return (
    <Section title="Who gets in, and as what">
      <Check
        form={form}
        field="jitEnabled"
        label="Make accounts for people it vouches for"
        description="Of the domains below, at their first sign-in. Without it, people link the provider to an account they have"
      />
      {values.jitEnabled || faultIn(errors, 'emailDomains') ? (
        <Textarea
          label="Domains of their email addresses"
          description="One in a line; accounts are made for verified addresses of these only"
          placeholder="example.org"
          autosize
          minRows={1}
          maxRows={8}
          classNames={{ input: 'mono' }}
          {...form.text('emailDomains')}
          error={faultIn(errors, 'emailDomains')}
        />
      ) : null}
      <TextInput
        label="Claim that holds the groups"
        description="Of the ID token or userinfo; empty: no groups are read, and roles are given here"
        placeholder="groups"
        maxLength={100}
        classNames={{ input: 'mono' }}
        {...form.text('groupsClaim')}
      />
      {values.groupsClaim.trim() !== '' || values.groupsScope !== '' || values.roleMapping.length > 0 ? (
        <>
          <TextInput
            label="Scope that asks for them"
            description="Where the provider needs one, beside openid, email and profile"
            maxLength={100}
            classNames={{ input: 'mono' }}
            {...form.text('groupsScope')}
          />
          <RoleMapping form={form} choicesFor={choicesFor} />
        </>
      ) : null}
      <NativeSelect
        label="Role where no group fits"
        value={values.defaultRole}
        error={errors.defaultRole}
        data={[{ value: '', label: 'None: they are refused' }, ...choicesFor(values.defaultRole)]}
        onChange={(event) => form.set('defaultRole', event.currentTarget.value)}
      />
      {values.groupsClaim.trim() !== '' || values.managesRole ? (
        <Check
          form={form}
          field="managesRole"
          label="Groups decide the role of linked accounts, too"
          description="At every sign-in; otherwise only of the accounts it made"
        />
      ) : null}
    </Section>
  );
}

/** How far it is trusted. */
export function TrustSection({ form }: Props) {
  const { values, errors } = form;
  return (
    <Section title="How far it is trusted">
      <Check
        form={form}
        field="trustsSecondFactor"
        label="It proves a second factor"
        description="Where it says so in one of the values below. Otherwise its word counts as a password, and roles that need a second factor ask for one of ours. Switched off, the sessions it opened end"
      />
      {values.trustsSecondFactor || faultIn(errors, 'acceptedAcr') || faultIn(errors, 'acceptedAmr') ? (
        <>
          <Textarea
            label="acr values that mean a second factor"
            description="One in a line; they are asked for, too"
            autosize
            minRows={1}
            maxRows={8}
            classNames={{ input: 'mono' }}
            {...form.text('acceptedAcr')}
            error={faultIn(errors, 'acceptedAcr')}
          />
          <Textarea
            label="amr values that mean a second factor"
            description="One in a line, such as otp, hwk or mfa; one of them is enough"
            autosize
            minRows={1}
            maxRows={8}
            classNames={{ input: 'mono' }}
            {...form.text('acceptedAmr')}
            error={faultIn(errors, 'acceptedAmr')}
          />
        </>
      ) : null}
      <Check
        form={form}
        field="endsByAge"
        label="End sessions some time after the person proved who they are there"
        description="Ours end an hour after the last use and after twelve hours in any case. Set it where the provider cannot tell us that somebody signed out"
      />
      {values.endsByAge ? (
        <Input.Wrapper label="After" labelElement="div" description="5 minutes to 7 days">
          <Box mt={6}>
            <DurationInput
              label="How long after the proof sessions end"
              error={errors.maxAuthAgeSeconds}
              value={values.maxAuthAgeSeconds}
              onChange={(seconds) => form.set('maxAuthAgeSeconds', seconds)}
            />
          </Box>
        </Input.Wrapper>
      ) : null}
    </Section>
  );
}

function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <Panel title={title}>
      <Stack gap="sm">{children}</Stack>
    </Panel>
  );
}

type Flag = { [K in keyof ProviderValues]: ProviderValues[K] extends boolean ? K : never }[keyof ProviderValues];

function Check({ form, field, ...words }: { form: ProviderForm; field: Flag; label: string; description: string }) {
  return (
    <Checkbox
      {...words}
      checked={form.values[field]}
      error={form.errors[field]}
      onChange={(event) => form.set(field, event.currentTarget.checked)}
    />
  );
}
