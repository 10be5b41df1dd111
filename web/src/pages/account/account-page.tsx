import { useMe } from '../../api/session.ts';
import { humanName } from '../../ui/format-value.ts';
import { PageHeader, Panel } from '../../ui/page.tsx';
import classes from './account.module.css';
import { PasswordForm } from './password-form.tsx';
import { SessionList } from './session-list.tsx';

export function AccountPage() {
  const me = useMe();
  return (
    <>
      <PageHeader title="My account" detail={`${me.email} · ${humanName(me.role)} at ${me.organisation.name}`} />
      <div className={classes.columns}>
        <Panel title="Sessions" flush>
          <SessionList />
        </Panel>
        <Panel title="Password">
          <PasswordForm email={me.email} />
        </Panel>
      </div>
    </>
  );
}
