import { Notification, Portal } from '@mantine/core';
import { useSyncExternalStore } from 'react';
import classes from './toasts.module.css';

const colours = { done: 'teal', caution: 'yellow', problem: 'red' } as const;

interface Toast {
  readonly id: number;
  readonly tone: keyof typeof colours;
  readonly title: string;
  readonly detail?: string | undefined;
}

const shownMs = 6000;
const most = 4;
let toasts: readonly Toast[] = [];
let nextId = 1;
const listeners = new Set<() => void>();

function become(next: readonly Toast[]) {
  toasts = next;
  for (const listener of listeners) listener();
}
const dismiss = (id: number) => become(toasts.filter((toast) => toast.id !== id));

function show(toast: Omit<Toast, 'id'>) {
  const id = nextId++;
  become([...toasts, { ...toast, id }].slice(-most));
  setTimeout(() => dismiss(id), shownMs);
}

export const sayDone = (title: string, detail?: string) => show({ tone: 'done', title, detail });
export const sayCaution = (title: string, detail: string) => show({ tone: 'caution', title, detail });
export const sayProblem = (problem: { title: string; detail?: string | undefined }) =>
  show({ tone: 'problem', title: problem.title, detail: problem.detail });

const listen = (listener: () => void) => {
  listeners.add(listener);
  return () => void listeners.delete(listener);
};

export function Toasts() {
  const shown = useSyncExternalStore(listen, () => toasts);
  return (
    <Portal>
      <section className={classes.stack} aria-label="Messages" aria-live="polite">
        {shown.map(({ id, tone, title, detail }) => (
          <Notification
            key={id}
            title={title}
            color={colours[tone]}
            withBorder
            closeButtonProps={{ 'aria-label': 'Dismiss' }}
            onClose={() => dismiss(id)}
          >
            {detail}
          </Notification>
        ))}
      </section>
    </Portal>
  );
}
