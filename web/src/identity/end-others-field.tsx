import { Checkbox } from '@mantine/core';

export function EndOthersField({ value, onChange }: { value: boolean; onChange: (value: boolean) => void }) {
  return (
    <Checkbox
      label="End my other sessions"
      description="Wherever else you are signed in, you sign in anew"
      checked={value}
      onChange={(event) => onChange(event.currentTarget.checked)}
    />
  );
}
