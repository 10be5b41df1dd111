import pg from 'pg';

const INT8 = pg.types.builtins.INT8;
const DATE = pg.types.builtins.DATE;
const TIMESTAMP = pg.types.builtins.TIMESTAMP;

/**
 * How values arrive. bigint becomes a number, since our counters stay below 2^53, and one that does not is an error rather than
 * a rounded number. A date stays text: as a Date it would be midnight in whatever zone this process runs in. A timestamp
 * without a zone is refused: it does not say which instant it is. numeric stays text, exact.
 */
export const typeParsers: pg.CustomTypesConfig = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    if (format !== 'binary') {
      if (oid === INT8) return exactNumber;
      if (oid === DATE) return (text: string) => text;
      if (oid === TIMESTAMP) return refuseTimestamp;
    }
    return pg.types.getTypeParser(oid, format);
  },
};

function exactNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError('a bigint from the database does not fit a number exactly');
  return value;
}

function refuseTimestamp(): never {
  throw new TypeError('timestamp without time zone does not name an instant: use timestamptz');
}
