import { NavLink } from 'react-router';
import { useMe } from '../api/session.ts';
import { paths } from '../ui/paths.ts';
import { zoneId, zoneName } from '../ui/time/format-time.ts';
import { navigationFor } from './navigation.ts';
import classes from './shell.module.css';
import { useOpenAlerts } from './use-open-alerts.ts';

export function Navigation() {
  const { permissions } = useMe();
  const { active } = useOpenAlerts();
  return (
    <nav aria-label="Main">
      {navigationFor(permissions).map(({ group, items }) => (
        <div key={group} className={classes.group}>
          <div className={classes.groupName} id={`nav-${group}`}>
            {group}
          </div>
          {items.map(({ label, to, icon: Icon }) => (
            <NavLink key={to} to={to} end={to === paths.overview} className={classes.link ?? ''}>
              <Icon size={16} stroke={1.7} aria-hidden />
              {label}
              {to === paths.alerts && active > 0 ? (
                <span className={classes.count} role="img" aria-label={`${active} active`}>
                  {active}
                </span>
              ) : null}
            </NavLink>
          ))}
        </div>
      ))}
      <div className={classes.zone}>
        Times in {zoneId()} ({zoneName()})
      </div>
    </nav>
  );
}
