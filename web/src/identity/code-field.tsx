import { TextInput } from '@mantine/core';
import classes from './identity.module.css';

interface Props {
  label: string;
  description?: string;
  value: string;
  error?: string | undefined;
  disabled?: boolean;
  autoFocus?: boolean;
  onChange: (value: string) => void;
  /** Called with the sixth digit, so that nobody has to look for a button while the code runs out. */
  onComplete: (code: string) => void;
}

/** Six digits of an authenticator, typed, pasted with a gap or filled in by the browser. */
export function CodeField({ value, onChange, onComplete, disabled = false, ...props }: Props) {
  return (
    <TextInput
      {...props}
      classNames={{ input: classes.code ?? '' }}
      inputMode="numeric"
      autoComplete="one-time-code"
      value={value}
      readOnly={disabled}
      onChange={(event) => {
        const code = event.currentTarget.value.replaceAll(/\D/g, '').slice(0, 6);
        onChange(code);
        if (code.length === 6 && code !== value) onComplete(code);
      }}
    />
  );
}
