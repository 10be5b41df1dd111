import { Tabs } from '@mantine/core';
import { useNavigate } from 'react-router';
import { paths } from '../../ui/paths.ts';

export function PeopleTabs({ value }: { value: 'people' | 'roles' }) {
  const navigate = useNavigate();
  return (
    <Tabs value={value} mb="md" onChange={(next) => void navigate(next === 'roles' ? paths.roles : paths.people)}>
      <Tabs.List>
        <Tabs.Tab value="people">People</Tabs.Tab>
        <Tabs.Tab value="roles">Roles</Tabs.Tab>
      </Tabs.List>
    </Tabs>
  );
}
