import { Button } from '@mantine/core';
import { IconMapOff } from '@tabler/icons-react';
import { useEffect } from 'react';
import { Link } from 'react-router';
import { paths } from '../ui/paths.ts';
import { EmptyState } from '../ui/states/states.tsx';

export function NotFoundPage() {
  useEffect(() => {
    document.title = 'Not found · Valtronics';
  }, []);
  return (
    <EmptyState
      icon={<IconMapOff size={20} />}
      title="There is nothing here"
      hint="The link is old, or what it led to was deleted."
      action={
        <Button component={Link} to={paths.overview} variant="default">
          Go to the overview
        </Button>
      }
    />
  );
}
