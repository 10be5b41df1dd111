import { z } from 'zod';

/** In the one spelling we keep, so that ids can be compared as text everywhere. */
export const id = z.uuid().toLowerCase().describe('UUID');
/** RFC 3339 with an offset; answers are always UTC with milliseconds. */
export const timestamp = z.iso.datetime({ offset: true }).max(40);
export const idParams = z.strictObject({ id });
/** The part before the @ has at most 64 characters (RFC 5321, 4.5.3.1.1). */
export const email = z
  .email()
  .max(254)
  .refine((text) => text.indexOf('@') <= 64, 'at most 64 characters before the @');
export const name = z.string().trim().min(1).max(120);
export const note = z.string().trim().min(1).max(2000);
export const metric = z.string().regex(/^[A-Za-z0-9_.-]{1,64}$/, '1–64 of A–Z a–z 0–9 _ . -');
export const deviceType = z.string().regex(/^[a-z0-9_-]{1,64}$/, '1–64 of a–z 0–9 _ -');
export const severity = z.enum(['info', 'warning', 'critical']);
export type Severity = z.infer<typeof severity>;

/** A query string carries text; these read it as what it stands for. */
export const queryInt = (minimum: number, maximum: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/, 'a whole number')
    .transform(Number)
    .pipe(z.int().min(minimum).max(maximum));

export const pageQuery = {
  limit: queryInt(1, 1000).optional().describe('1–1,000; 100 unless told'),
  cursor: z.string().max(500).optional().describe('`nextCursor` of the page before'),
};

export const page = <T extends z.ZodType>(item: T) =>
  z.strictObject({ items: z.array(item), nextCursor: z.string().nullable() });
export interface Page<T> {
  items: T[];
  nextCursor: string | null;
}
