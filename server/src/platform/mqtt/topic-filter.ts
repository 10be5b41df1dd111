/** Whether a subscription's filter takes a topic (MQTT 3.1.1, 4.7): `+` is one level, `#` at the end is all that follow and their parent. */
export function filterTakes(filter: string, topic: string): boolean {
  if (filter === topic) return true;
  const wanted = filter.split('/');
  const levels = topic.split('/');
  for (const [index, level] of wanted.entries()) {
    if (level === '#') return true;
    if (index >= levels.length || (level !== '+' && level !== levels[index])) return false;
    // `a/#` takes `a` too.
    if (index === levels.length - 1 && wanted[index + 1] === '#') return true;
  }
  return wanted.length === levels.length;
}
