import { Tabs } from '@mantine/core';
import { useNavigate } from 'react-router';
import { useMe } from '../../api/session.ts';
import { paths } from '../../ui/paths.ts';

const tabs = { blocks: paths.blocks, allow: paths.allowList, firewalls: paths.bouncers } as const;

/** Addresses are for whoever runs the instance, and so is who is never blocked and which firewalls obey. */
export function BlockTabs({ value }: { value: keyof typeof tabs }) {
  const navigate = useNavigate();
  const { organisation } = useMe();
  if (!organisation.operatesInstance) return null;
  return (
    <Tabs value={value} mb="md" onChange={(next) => void navigate(tabs[(next ?? 'blocks') as keyof typeof tabs])}>
      <Tabs.List>
        <Tabs.Tab value="blocks">Blocks</Tabs.Tab>
        <Tabs.Tab value="allow">Allow-list</Tabs.Tab>
        <Tabs.Tab value="firewalls">Firewalls</Tabs.Tab>
      </Tabs.List>
    </Tabs>
  );
}
