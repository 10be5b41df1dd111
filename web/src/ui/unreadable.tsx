/** What stands for a value that is there and does not open. */
export const UNREADABLE_WHY =
  'It does not open: it was altered in the database, or its key is gone. It stays until another is given.';

export const Unreadable = () => (
  <span className="dim" title={UNREADABLE_WHY}>
    unreadable
  </span>
);
