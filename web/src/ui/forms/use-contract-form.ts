import type { FieldError } from '@valtronics/contract';
import { useState } from 'react';
import type { z } from 'zod';

export type FieldErrors = Readonly<Record<string, string>>;

/** `/body/rule/threshold`, `body.threshold` or `threshold`: the server may name the place, the form knows the field. */
export function fieldOf(path: string): string {
  const parts = path.split(/[./]/).filter((part) => part !== '' && part !== 'body' && part !== 'rule');
  return parts.join('.');
}

export function fieldErrors(errors: readonly FieldError[]): FieldErrors {
  return Object.fromEntries(errors.toReversed().map(({ path, message }) => [fieldOf(path), sentence(message)]));
}

const sentence = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

/** What the schema has against these values, by field. */
export function schemaErrors(schema: z.ZodType, value: unknown): FieldErrors {
  const result = schema.safeParse(value);
  if (result.success) return {};
  return fieldErrors(result.error.issues.map(({ path, message }) => ({ path: path.join('.'), message })));
}

/** A complaint about one entry of a list stands under the list, and says which entry it is about. */
export function atFields(found: FieldErrors, values: Readonly<Record<string, unknown>>): FieldErrors {
  const placed = Object.entries(found).map(([path, message]) => {
    const [field = '', index = ''] = path.split('.');
    const list = path in values ? undefined : values[field];
    if (!Array.isArray(list)) return [path, message] as const;
    return [field, typeof list[Number(index)] === 'string' ? `${list[Number(index)]}: ${message}` : message] as const;
  });
  return Object.fromEntries(placed.toReversed());
}

interface Refusal {
  readonly title: string;
  readonly detail?: string | undefined;
  readonly requestId?: string | undefined;
  readonly retryAt?: Date | undefined;
  readonly errors: readonly FieldError[];
}

/**
 * A form checked by the contract's own schema. What was typed stays, whatever the answer; the server's complaints stand under their
 * field, those about no field above the button.
 */
export function useContractForm<V extends Record<string, unknown>>(initial: V) {
  const [values, setValues] = useState(initial);
  const [errors, setErrors] = useState<FieldErrors>({});
  const [problem, setProblem] = useState<Refusal | null>(null);

  const set = <K extends keyof V>(key: K, value: V[K]) => {
    setValues((before) => ({ ...before, [key]: value }));
    setErrors(({ [key as string]: _, ...rest }) => rest);
  };
  return {
    values,
    errors,
    problem,
    set,
    setValues,
    /** Props for a text field. */
    text: <K extends keyof V>(key: K) => ({
      value: values[key] as string,
      error: errors[key as string],
      onChange: (event: { currentTarget: { value: string } }) => set(key, event.currentTarget.value as V[K]),
    }),
    /** Props for a control that hands over the value itself. */
    field: <K extends keyof V>(key: K) => ({
      value: values[key],
      error: errors[key as string],
      onChange: (value: V[K]) => set(key, value),
    }),
    fail: (found: FieldErrors) => setErrors(found),
    /** Checks `value` and, when it is sound, sends it. */
    async submit<S extends z.ZodType>(schema: S, value: unknown, send: (value: z.input<S>) => Promise<unknown>) {
      const found = atFields(schemaErrors(schema, value), values);
      setErrors(found);
      setProblem(null);
      if (Object.keys(found).length > 0) return;
      try {
        await send(value as z.input<S>);
      } catch (error) {
        const refusal = error as Refusal;
        setErrors(atFields(fieldErrors(refusal.errors ?? []), values));
        const isHomeless = ({ path, message }: FieldError) =>
          !Object.keys(atFields(fieldErrors([{ path, message }]), values)).some((field) => field in values);
        const homeless = (refusal.errors ?? []).filter(isHomeless);
        if ((refusal.errors ?? []).length === 0 || homeless.length > 0) {
          const detail = homeless.map(({ path, message }) => `${path}: ${message}`).join('; ') || refusal.detail;
          setProblem({ ...refusal, title: refusal.title, requestId: refusal.requestId, errors: [], detail });
        }
      }
    },
  };
}

/** Empty text stands for nothing. */
export const orNull = (text: string) => (text.trim() === '' ? null : text.trim());
export const orLeftOut = (text: string) => (text.trim() === '' ? undefined : text.trim());
