import { Tabs } from '@mantine/core';
import { useNavigate } from 'react-router';
import { paths } from '../../ui/paths.ts';

const tabs = { events: paths.securityEvents, detections: paths.detections, scenarios: paths.scenarios } as const;

export function SecurityTabs({ value }: { value: keyof typeof tabs }) {
  const navigate = useNavigate();
  return (
    <Tabs value={value} mb="md" onChange={(next) => void navigate(tabs[(next ?? 'events') as keyof typeof tabs])}>
      <Tabs.List>
        <Tabs.Tab value="events">Events</Tabs.Tab>
        <Tabs.Tab value="detections">Detections</Tabs.Tab>
        <Tabs.Tab value="scenarios">Scenarios</Tabs.Tab>
      </Tabs.List>
    </Tabs>
  );
}
