import { ActionIcon, Indicator, Tooltip, UnstyledButton } from '@mantine/core';
import { IconAlertTriangle, IconMenu2, IconSearch } from '@tabler/icons-react';
import { Link, useNavigate } from 'react-router';
import { useMe } from '../api/session.ts';
import { paths } from '../ui/paths.ts';
import { CommandPalette, openCommandPalette } from './command-palette.tsx';
import { PersonMenu } from './person-menu.tsx';
import classes from './shell.module.css';
import { TimeRangePicker } from './time-range-picker.tsx';
import { useOpenAlerts } from './use-open-alerts.ts';

const commandKey = /Mac|iPhone|iPad/.test(navigator.userAgent) ? '⌘K' : 'Ctrl K';

export function TopBar({ onMenu, usesTimeRange }: { onMenu: () => void; usesTimeRange: boolean }) {
  const { organisation, permissions } = useMe();
  return (
    <header className={classes.bar}>
      <ActionIcon className={classes.menuButton} size="lg" aria-label="Open the navigation" onClick={onMenu}>
        <IconMenu2 size={18} />
      </ActionIcon>
      <Link to={paths.overview} className={classes.brand} aria-label="Valtronics, overview">
        <img src="/favicon.svg" alt="" width={20} height={20} />
        <span className={classes.brandName}>Valtronics</span>
      </Link>
      <span className={`${classes.organisation} truncate`}>{organisation.name}</span>
      <div className={classes.spacer} />
      <UnstyledButton className={classes.search} onClick={openCommandPalette}>
        <IconSearch size={15} aria-hidden />
        <span>Search or jump to…</span>
        <kbd aria-hidden>{commandKey}</kbd>
      </UnstyledButton>
      {usesTimeRange ? <TimeRangePicker /> : null}
      {permissions.includes('alert:read') ? <Bell /> : null}
      <PersonMenu />
      <CommandPalette />
    </header>
  );
}

function Bell() {
  const { active, acknowledged, worst } = useOpenAlerts();
  const navigate = useNavigate();
  const label = `${active} active alerts, ${acknowledged} acknowledged`;
  return (
    <Tooltip label={label}>
      <Indicator
        disabled={active === 0}
        label={active > 99 ? '99+' : active}
        size={16}
        offset={5}
        color={worst === 'critical' ? 'red.8' : worst === 'warning' ? 'orange.9' : 'blue.8'}
      >
        <ActionIcon size="lg" aria-label={label} onClick={() => void navigate(`${paths.alerts}?status=active`)}>
          <IconAlertTriangle size={18} stroke={1.7} />
        </ActionIcon>
      </Indicator>
    </Tooltip>
  );
}
