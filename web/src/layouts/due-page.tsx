import { Button, Text, UnstyledButton } from '@mantine/core';
import { IconDeviceMobile, IconFingerprint, IconLogout } from '@tabler/icons-react';
import type { Me, Pending } from '@valtronics/contract';
import { type ReactNode, useState } from 'react';
import { useReadMeAgain } from '../api/session.ts';
import { AuthenticatorSetup } from '../identity/authenticator-setup.tsx';
import classes from '../identity/identity.module.css';
import { PasskeySetup } from '../identity/passkey-setup.tsx';
import { passkeysWork, withoutPasskeys } from '../identity/passkeys.ts';
import { PasswordForm } from '../identity/password-form.tsx';
import { ProveAgain } from '../identity/prove-again.tsx';
import { RecoveryCodes } from '../identity/recovery-codes.tsx';
import { PublicFrame } from '../ui/public-frame.tsx';
import { useSignOut } from './use-sign-out.ts';

const titles: Readonly<Record<Pending, string>> = {
  enrol_factor: 'Set up a second factor',
  enrol_passkey: 'Set up a passkey',
  change_password: 'Choose a new password',
  verify_factor: 'Confirm that it is you',
};
const reasons: Readonly<Record<Pending, (role: string) => ReactNode>> = {
  enrol_factor: (role) => (
    <>
      Your role, <b>{role}</b>, needs more than a password: a stolen one must not open the account.
    </>
  ),
  enrol_passkey: (role) => (
    <>
      Your role, <b>{role}</b>, needs a passkey: it cannot be given away to a page that only looks like this one.
    </>
  ),
  change_password: () => 'An administrator asked for it. The one you have now is good for this step only.',
  verify_factor: (role) => (
    <>
      Your role, <b>{role}</b>, needs your second factor before anything else.
    </>
  ),
};

interface Props {
  me: Me;
  /** Recovery codes on the screen: they stay there, whatever is due, until the person says that they are kept. */
  codes: readonly string[] | null;
  onCodes: (codes: readonly string[] | null) => void;
}

/** What is due before anything else, and nothing besides but the way out. */
export function DuePage({ me, codes, onCodes }: Props) {
  const { pending } = me;
  if (codes || !pending) {
    return (
      <Due title="Keep your recovery codes" email={me.email}>
        <RecoveryCodes codes={codes ?? []} onKept={() => onCodes(null)} />
      </Due>
    );
  }
  return (
    <Due title={titles[pending]} detail={reasons[pending](me.role)} email={me.email}>
      <Step pending={pending} onCodes={onCodes} />
    </Due>
  );
}

function Due({ email, ...frame }: { title: string; detail?: ReactNode; email: string; children: ReactNode }) {
  const signOut = useSignOut();
  return (
    <PublicFrame title={frame.title} detail={frame.detail}>
      {frame.children}
      <div className={classes.foot}>
        <Text size="xs" c="dimmed" className="truncate">
          {email}
        </Text>
        <Button variant="default" leftSection={<IconLogout size={14} />} onClick={() => void signOut()}>
          Sign out
        </Button>
      </div>
    </PublicFrame>
  );
}

function Step({ pending, onCodes }: { pending: Pending; onCodes: Props['onCodes'] }) {
  const readMeAgain = useReadMeAgain();
  if (pending === 'change_password') return <PasswordForm onChanged={readMeAgain} />;
  if (pending === 'verify_factor') return <ProveAgain onProven={readMeAgain} />;
  const added = async (codes: readonly string[] | null) => {
    onCodes(codes);
    await readMeAgain();
  };
  return <Enrol passkeyOnly={pending === 'enrol_passkey'} onAdded={added} />;
}

type Kind = 'totp' | 'passkey';

function Enrol({
  passkeyOnly,
  onAdded,
}: {
  passkeyOnly: boolean;
  onAdded: (codes: readonly string[] | null) => unknown;
}) {
  const [chosen, setChosen] = useState<Kind | null>(null);
  const setup = { onAdded, onCancel: () => setChosen(null), cancelLabel: 'Back', asksAboutSessions: false };
  if (chosen === 'totp') return <AuthenticatorSetup {...setup} />;
  if (chosen === 'passkey') return <PasskeySetup {...setup} />;
  return (
    <div className={classes.choices}>
      <Choice
        icon={<IconFingerprint size={20} stroke={1.6} />}
        title="Passkey"
        detail={
          passkeysWork()
            ? 'Fingerprint, face or PIN of a device, or a security key. The safest, and the quickest.'
            : `${withoutPasskeys}. Open this page in another one to set one up.`
        }
        disabled={!passkeysWork()}
        onClick={() => setChosen('passkey')}
      />
      {passkeyOnly ? null : (
        <Choice
          icon={<IconDeviceMobile size={20} stroke={1.6} />}
          title="Authenticator app"
          detail="Six digits from an app on your telephone, new every 30 seconds."
          onClick={() => setChosen('totp')}
        />
      )}
    </div>
  );
}

interface ChoiceProps {
  icon: ReactNode;
  title: string;
  detail: string;
  disabled?: boolean;
  onClick: () => void;
}

function Choice({ icon, title, detail, disabled = false, onClick }: ChoiceProps) {
  return (
    <UnstyledButton className={classes.choice} disabled={disabled} onClick={onClick}>
      {icon}
      <span>
        <b>{title}</b>
        <Text size="xs" c="dimmed" component="span" display="block">
          {detail}
        </Text>
      </span>
    </UnstyledButton>
  );
}
