import { Group, Kbd, Modal, Stack, Text } from '@mantine/core';
import { useHotkeys } from '@mantine/hooks';
import { useEffect, useRef, useState } from 'react';
import { useNavigate } from 'react-router';
import { useMe } from '../api/session.ts';
import { navigationFor } from './navigation.ts';

const openEvent = 'valtronics:shortcuts';
export const openShortcuts = () => window.dispatchEvent(new Event(openEvent));

const secondKeyWithinMs = 1200;

/** `/` to the search of the page, `g` and a letter to another page, `?` for this list. */
export function KeyboardShortcuts() {
  const [opened, setOpened] = useState(false);
  const navigate = useNavigate();
  const { permissions } = useMe();
  const pages = navigationFor(permissions)
    .flatMap(({ items }) => items)
    .filter(({ key }) => key);
  const awaiting = useRef(0);
  useEffect(() => {
    const open = () => setOpened(true);
    window.addEventListener(openEvent, open);
    return () => window.removeEventListener(openEvent, open);
  }, []);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const target = event.target;
      const typing = target instanceof HTMLElement && target.closest('input, textarea, select, [role="dialog"]');
      if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === '?') return setOpened(true);
      if (event.key === '/') return focusSearch(event);
      if (event.key === 'g') {
        awaiting.current = Date.now();
        return;
      }
      const page = pages.find(({ key }) => key === event.key);
      if (page && Date.now() - awaiting.current < secondKeyWithinMs) void navigate(page.to);
      awaiting.current = 0;
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  });
  useHotkeys([['Escape', () => setOpened(false)]]);
  return (
    <Modal
      opened={opened}
      onClose={() => setOpened(false)}
      title="Keyboard shortcuts"
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      <Stack gap={6}>
        <Shortcut keys={['Ctrl', 'K']} does="Search and commands (⌘ K on a Mac)" />
        <Shortcut keys={['/']} does="Search in this page" />
        {pages.map(({ key, label }) => (
          <Shortcut key={label} keys={['g', key ?? '']} does={`Go to ${label.toLowerCase()}`} />
        ))}
        <Shortcut keys={['↑', '↓']} does="From row to row in a table" />
        <Shortcut keys={['Esc']} does="Close what is open" />
        <Shortcut keys={['?']} does="This list" />
      </Stack>
    </Modal>
  );
}

function Shortcut({ keys, does }: { keys: readonly string[]; does: string }) {
  return (
    <Group justify="space-between" wrap="nowrap">
      <Text size="sm">{does}</Text>
      <Group gap={4} wrap="nowrap">
        {keys.map((key) => (
          <Kbd key={key} size="xs">
            {key}
          </Kbd>
        ))}
      </Group>
    </Group>
  );
}

function focusSearch(event: KeyboardEvent) {
  const field = document.querySelector<HTMLInputElement>('input[data-page-search]');
  if (!field) return;
  event.preventDefault();
  field.focus();
  field.select();
}
