const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
export const htmlParagraph = (text: string): string => `<p>${escapeHtml(text)}</p>`;
/** `content` is HTML. */
export const htmlPage = (content: string): string =>
  `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Valtronics</title></head><body>${content}</body></html>`;
