import { Button } from '@mantine/core';

/** The next page of a list that is not long enough to be a table. */
export function MoreButton({
  of,
}: {
  of: { hasNextPage: boolean; isFetchingNextPage: boolean; fetchNextPage: () => void };
}) {
  if (!of.hasNextPage) return null;
  return (
    <Button variant="subtle" fullWidth loading={of.isFetchingNextPage} onClick={of.fetchNextPage}>
      Older
    </Button>
  );
}
