/** What can be done with one line of the log. */

import { Menu } from '@base-ui/react/menu'
import {
  Ban,
  Check,
  Copy,
  Filter,
  type LucideIcon,
  SearchCheck,
  SquareTerminal,
} from 'lucide-react'
import type { ReactNode } from 'react'
import type { DnsLoggedQuery } from 'tidings'
import { copyText } from '../../lib/clipboard.ts'
import { term } from '../../lib/dns/logFilter.ts'
import type { RuleAction } from '../../lib/dns/ownRules.ts'
import { statusLabel } from '../../lib/dns/statusLabel.ts'
import { t } from '../../lib/i18n.ts'

const POPUP =
  'min-w-56 max-w-80 rounded-card border border-line bg-raised p-1.5 text-sm text-text shadow-pop outline-none'
const ITEM =
  'flex min-h-8 cursor-pointer items-center gap-2.5 rounded-control px-2.5 outline-none data-highlighted:bg-inset'

export interface RowMenuProps {
  readonly entry: DnsLoggedQuery
  /** The button that the menu opens at. */
  readonly anchor: Element
  /** The same question for a terminal. */
  readonly dig: string
  readonly onClose: () => void
  readonly onAct: (action: RuleAction, entry: DnsLoggedQuery) => void
  readonly onFilter: (added: string) => void
  readonly onExplain: () => void
}

export function RowMenu(props: RowMenuProps): ReactNode {
  const { entry, anchor, dig, onAct, onFilter } = props
  const { name, client, status } = entry
  return (
    <Menu.Root open modal={false} onOpenChange={(isOpen) => !isOpen && props.onClose()}>
      <Menu.Portal container={document.getElementById('main')}>
        <Menu.Positioner anchor={anchor} align="end" sideOffset={4} className="z-40">
          <Menu.Popup className={POPUP} data-testid="log-menu" finalFocus={false}>
            {name === '' ? null : (
              <>
                <Item
                  Icon={Ban}
                  text={t('dnsLog.action.block')}
                  letter="b"
                  onClick={() => onAct('block', entry)}
                />
                <Item
                  Icon={Check}
                  text={t('dnsLog.action.allow')}
                  letter="a"
                  onClick={() => onAct('allow', entry)}
                />
              </>
            )}
            <Item
              Icon={SearchCheck}
              text={t('dnsLog.action.explain')}
              letter="Enter"
              onClick={props.onExplain}
            />
            <Menu.Separator className="mx-2 my-1.5 h-px bg-line" />
            <Item
              Icon={Filter}
              text={t('dnsLog.filterBy', { what: client })}
              onClick={() => onFilter(term('client', client))}
            />
            {name === '' ? null : (
              <Item
                Icon={Filter}
                text={t('dnsLog.filterBy', { what: name })}
                onClick={() => onFilter(term('name', `=${name}`))}
              />
            )}
            <Item
              Icon={Filter}
              text={t('dnsLog.filterBy', { what: statusLabel(status) })}
              onClick={() => onFilter(term('status', status))}
            />
            <Menu.Separator className="mx-2 my-1.5 h-px bg-line" />
            <Item
              Icon={Copy}
              text={t('dnsLog.action.copyName')}
              letter="c"
              onClick={() => void copyText(name)}
            />
            <Item
              Icon={SquareTerminal}
              text={t('dnsLog.action.copyDig')}
              onClick={() => void copyText(dig)}
            />
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.Root>
  )
}

interface ItemProps {
  readonly Icon: LucideIcon
  readonly text: string
  readonly letter?: string
  readonly onClick: () => void
}

function Item({ Icon, text, letter, onClick }: ItemProps): ReactNode {
  return (
    <Menu.Item className={ITEM} onClick={onClick}>
      <Icon size={15} aria-hidden className="shrink-0 text-muted" />
      <span className="min-w-0 flex-1 truncate">{text}</span>
      {letter ? <kbd className="text-2xs text-faint">{letter}</kbd> : null}
    </Menu.Item>
  )
}
