import { PasswordInput } from '@mantine/core';
import type { FieldErrors } from './use-contract-form.ts';

/** NIST SP 800-63B-4: 15 characters where the password stands alone, 8 beside a second factor. */
const shortestAlone = 15;
const shortestBesideFactor = 8;

/** `hasFactor` is undefined where the page cannot know. */
function newPasswordHint(hasFactor: boolean | undefined): string {
  if (hasFactor === undefined)
    return `At least ${shortestAlone} characters, or ${shortestBesideFactor} where the account has a second factor. A few unrelated words are good.`;
  return `At least ${hasFactor ? shortestBesideFactor : shortestAlone} characters. A few unrelated words are easy to keep in mind; no digits or symbols are asked for.`;
}

interface NewPassword {
  newPassword: string;
  again: string;
}

/** What is wrong before the server is asked; it has the last word. */
export function newPasswordFaults({ newPassword, again }: NewPassword, hasFactor: boolean | undefined): FieldErrors {
  const shortest = hasFactor === false ? shortestAlone : shortestBesideFactor;
  if (newPassword.length < shortest) return { newPassword: `Needs at least ${shortest} characters` };
  return newPassword === again ? {} : { again: 'Is not the same' };
}

interface Props {
  label?: string;
  hasFactor: boolean | undefined;
  values: NewPassword;
  errors: FieldErrors;
  onChange: (key: keyof NewPassword, value: string) => void;
}

/** Pasting and password managers are welcome; the eye shows what was typed (ASVS 6.2.6, 6.2.7). */
export function NewPasswordFields({ label = 'New password', hasFactor, values, errors, onChange }: Props) {
  return (
    <>
      <PasswordInput
        label={label}
        description={newPasswordHint(hasFactor)}
        autoComplete="new-password"
        value={values.newPassword}
        error={errors.newPassword}
        onChange={(event) => onChange('newPassword', event.currentTarget.value)}
      />
      <PasswordInput
        label={`${label} again`}
        autoComplete="new-password"
        value={values.again}
        error={errors.again}
        onChange={(event) => onChange('again', event.currentTarget.value)}
      />
    </>
  );
}
