import { type DeviceGroupWithDevices, deviceGroupChange, devicesList } from '@valtronics/contract';
import { useMemo, useState } from 'react';
import { call, type InputOf } from '../../api/call.ts';
import { asProblem, type ProblemError } from '../../api/problem-error.ts';
import { useChange } from '../../api/use-endpoint.ts';
import { sayDone, sayProblem } from '../../ui/toasts.tsx';
import { devicesText } from './group-words.ts';
import { staleWithGroups } from './use-device-groups.ts';

/** As many as the server takes into one group. */
export const devicesAtMost = 5_000;

export type GroupChoice = ReturnType<typeof useGroupChoice>;

/** The devices chosen for a group: those it has, until something is ticked, and then what is saved in their place. */
export function useGroupChoice(group: DeviceGroupWithDevices) {
  const saved = useMemo(() => new Set(group.deviceIds), [group.deviceIds]);
  const [edited, setEdited] = useState<ReadonlySet<string> | null>(null);
  const [isCollecting, setIsCollecting] = useState(false);
  const change = useChange(deviceGroupChange, [...staleWithGroups, '/devices']);
  const chosen = edited ?? saved;
  const added = [...chosen].filter((id) => !saved.has(id)).length;
  const removed = [...saved].filter((id) => !chosen.has(id)).length;
  const [problem, setProblem] = useState<ProblemError | null>(null);
  const set = (ids: ReadonlySet<string>) => {
    setProblem(null);
    setEdited(ids);
  };
  return {
    chosen,
    added,
    removed,
    isChanged: added + removed > 0,
    isCollecting,
    isSaving: change.isPending,
    problem,
    set,
    toggle(id: string) {
      const next = new Set(chosen);
      if (!next.delete(id)) next.add(id);
      set(next);
    },
    discard() {
      setProblem(null);
      setEdited(null);
    },
    /** Every device that the list would show, seen so far or not; no more of them than show that they are too many. */
    async addAll(query: NonNullable<InputOf<typeof devicesList>['query']>) {
      setIsCollecting(true);
      try {
        const found = new Set<string>();
        let cursor: string | undefined;
        do {
          const page = await call(devicesList, { query: { ...query, limit: 1000, cursor } });
          for (const { id } of page.items) found.add(id);
          cursor = page.nextCursor ?? undefined;
        } while (cursor !== undefined && found.size <= devicesAtMost);
        // What was ticked meanwhile counts, too.
        setProblem(null);
        setEdited((before) => new Set([...(before ?? saved), ...found]));
      } catch (error) {
        sayProblem(asProblem(error));
      } finally {
        setIsCollecting(false);
      }
    },
    async save() {
      setProblem(null);
      try {
        const { name, devices } = await change.mutateAsync({
          params: { id: group.id },
          body: { deviceIds: [...chosen] },
        });
        setEdited(null);
        sayDone(`${name} holds ${devicesText(devices)}`);
      } catch (error) {
        setProblem(asProblem(error));
      }
    },
  };
}
