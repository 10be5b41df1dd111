/** Behind the options of a field that offers the first of many: that there are more, which cannot be chosen. */
export const moreOption = (page: { readonly nextCursor: string | null } | undefined) =>
  page?.nextCursor ? [{ value: '', label: 'More match: type on', disabled: true }] : [];
