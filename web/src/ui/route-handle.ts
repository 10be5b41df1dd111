import type { Permission } from '@valtronics/contract';

/** What a route says of itself to the layout. */
export interface RouteHandle {
  readonly title: string;
  readonly permission?: Permission;
  /** Its charts follow the time range of the top bar. */
  readonly usesTimeRange?: true;
}
