import { useMe } from '../../api/session.ts';
import { PasswordForm } from '../../identity/password-form.tsx';
import { humanName } from '../../ui/format-value.ts';
import { PageHeader, Panel } from '../../ui/page.tsx';
import classes from './account.module.css';
import { FactorPanel } from './factor-panel.tsx';
import { IdentityPanel } from './identity-panel.tsx';
import { NameForm } from './name-form.tsx';
import { OwnKeysPanel } from './own-keys-panel.tsx';
import { SessionPanel } from './session-panel.tsx';

export function AccountPage() {
  const me = useMe();
  return (
    <>
      <PageHeader title="My account" detail={`${me.email} · ${humanName(me.role)} at ${me.organisation.name}`} />
      <div className={classes.columns}>
        <div className={classes.column}>
          <FactorPanel />
          <IdentityPanel />
          <SessionPanel />
          <OwnKeysPanel />
        </div>
        <div className={classes.column}>
          <Panel title="Profile">
            <NameForm name={me.name} />
          </Panel>
          <Panel title="Password">
            <PasswordForm />
          </Panel>
        </div>
      </div>
    </>
  );
}
