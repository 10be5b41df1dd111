import { Modal, UnstyledButton, VisuallyHidden } from '@mantine/core';
import { useDebouncedValue, useHotkeys } from '@mantine/hooks';
import { IconSearch } from '@tabler/icons-react';
import { type KeyboardEvent, useEffect, useId, useState } from 'react';
import { useNavigate } from 'react-router';
import classes from './command-palette.module.css';
import { useCommands } from './use-commands.ts';

const openEvent = 'valtronics:palette';
export const openCommandPalette = () => window.dispatchEvent(new Event(openEvent));

/** Ctrl/⌘-K: devices, people, pages and actions by name. */
export function CommandPalette() {
  const [opened, setOpened] = useState(false);
  useHotkeys([['mod+K', () => setOpened(true)]], []);
  useEffect(() => {
    const open = () => setOpened(true);
    window.addEventListener(openEvent, open);
    return () => window.removeEventListener(openEvent, open);
  }, []);
  return (
    <Modal
      opened={opened}
      onClose={() => setOpened(false)}
      withCloseButton={false}
      padding={0}
      size={560}
      attributes={{ content: { 'aria-label': 'Search and commands' } }}
    >
      <Palette onDone={() => setOpened(false)} />
    </Modal>
  );
}

function Palette({ onDone }: { onDone: () => void }) {
  const [text, setText] = useState('');
  const [chosen, setChosen] = useState(0);
  const [settled] = useDebouncedValue(text.trim(), 150);
  const { commands, searching } = useCommands(text.trim(), settled);
  const navigate = useNavigate();
  const listId = useId();
  const at = Math.min(chosen, Math.max(0, commands.length - 1));

  const run = (index: number) => {
    const command = commands[index];
    if (!command) return;
    onDone();
    if (command.to) void navigate(command.to);
    else command.run?.();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (step !== 0) {
      event.preventDefault();
      const next = (at + step + commands.length) % Math.max(1, commands.length);
      setChosen(next);
      document.getElementById(`${listId}-${next}`)?.scrollIntoView({ block: 'nearest' });
    }
    if (event.key === 'Enter') {
      event.preventDefault();
      run(at);
    }
  };
  return (
    <div>
      <div className={classes.field}>
        <IconSearch size={16} aria-hidden />
        <input
          data-autofocus
          className={classes.input}
          placeholder="Search devices, people, pages, actions"
          aria-label="Search devices, people, pages and actions"
          role="combobox"
          aria-expanded
          aria-controls={listId}
          aria-activedescendant={commands.length > 0 ? `${listId}-${at}` : undefined}
          autoComplete="off"
          spellCheck={false}
          value={text}
          onKeyDown={onKeyDown}
          onChange={(event) => {
            setText(event.currentTarget.value);
            setChosen(0);
          }}
        />
      </div>
      <div id={listId} role="listbox" aria-label="Results" className={classes.list}>
        {commands.map((command, index) => (
          <div key={command.id} role="presentation">
            {command.group !== commands[index - 1]?.group ? (
              <div className={classes.group} role="presentation">
                {command.group}
              </div>
            ) : null}
            <UnstyledButton
              id={`${listId}-${index}`}
              role="option"
              tabIndex={-1}
              aria-selected={index === at}
              className={classes.option}
              onMouseMove={() => setChosen(index)}
              onClick={() => run(index)}
            >
              <command.icon size={16} stroke={1.7} aria-hidden />
              <span className="truncate">{command.label}</span>
              <span className={`${classes.detail} truncate`}>{command.detail}</span>
            </UnstyledButton>
          </div>
        ))}
      </div>
      {commands.length === 0 ? (
        <div className={classes.none}>{searching ? 'Searching…' : `Nothing is called “${text}”.`}</div>
      ) : null}
      <VisuallyHidden role="status">{commands.length} results</VisuallyHidden>
    </div>
  );
}
