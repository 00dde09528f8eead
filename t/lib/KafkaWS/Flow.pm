package KafkaWS::Flow;

# Clients that demand every record of one kafka_bulk: each the next of its
# partition, from the first one on, over any number of connections.
#
#	my $f = KafkaWS::Flow->new($t, clients => 4);
#	my $bulk = $b->bulk_start(...);
#	is($f->read(20), 20, 'flow');		# on each of them
#	is_deeply($f->closes(), { 1012 => 4 }, 'closes');
#	is($f->back(), 4, 'all resume at their cursors');
#	is($f->finish($bulk->stop()->{acked}), 4, 'everything, once, in order');
#
# Anything lost, doubled, reordered or damaged dies.

use warnings;
use strict;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Process qw(now wait_for);

# A client is not read while the test waits for something else; who is full at
# the end of a worker is cut instead of closed.
use constant { TIME => 10, BUFFER => 1 << 20 };

# opt: clients => 1, uri => '/', port => 0
sub new {
	my ($class, $nginx, %o) = @_;
	my $self = bless { uri => '/', port => 0, clients => 1, %o,
		nginx => $nginx }, $class;

	$self->{c} = [map { $self->open() } 1 .. $self->{clients}];
	$self->{next} = [map { [] } @{ $self->{c} }];

	return $self;
}

sub clients { return @{ $_[0]->{c} } }

# cursor: where to resume, or none.  returns: a client that has its start event
sub open {
	my ($self, $cursor) = @_;
	my $c = KafkaWS::Client->open($self->{nginx}->port($self->{port}),
		$self->{uri} . (defined $cursor ? "?cursor=$cursor" : ''),
		rcvbuf => BUFFER);

	$c->{start} = $c->wait_event('start', TIME)
		or die "no start event\n";

	return $c;
}

# Reads so many records on one client, or up to the end.
# returns: how many came
sub read_one {
	my ($self, $i, $count, $seconds) = @_;
	my $deadline = now() + ($seconds // TIME);
	my $at = $self->{next}[$i];
	my $n = 0;

	while ($n < $count) {
		my $r = $self->{c}[$i]->next_record($deadline - now()) or last;
		my $v = KafkaWS::Broker::parse_value($r->{value})
			// die "damaged: $r->{value}\n";
		my ($p, $next) = ($v->{partition}, undef);

		$next = $at->[$p] // 0;

		die "client $i, partition $p: $v->{seq} instead of $next\n"
			if $v->{seq} != $next || $p != $r->{partition};
		$at->[$p] = $next + 1;
		$n++;
	}

	return $n;
}

# So many on each.  returns: the least number that came
sub read {
	my ($self, $count, $seconds) = @_;
	my ($least) = sort { $a <=> $b }
		map { $self->read_one($_, $count, $seconds) } $self->all();

	return $least;
}

sub all { return 0 .. $#{ $_[0]->{c} } }

# clients that have been closed or cut, of which nothing more is read
sub lost { my ($self) = @_; return grep { $self->ended($_) } $self->all() }

sub ended {
	my ($self, $i) = @_;
	my $c = $self->{c}[$i];

	$c->until(now() + 0.01, sub { 0 }) unless $c->{close} || $c->eof;

	return $c->{close} || $c->eof;
}

# Reads all of them to their ends.
# returns: { code => count }; a Close whose reason is not the client's cursor
# counts as "code reason", a cut as "cut", none as "none"
sub closes {
	my ($self, @which) = @_;
	my %count;

	for my $i (@which ? @which : $self->all()) {
		my $c = $self->{c}[$i];

		$self->read_one($i, 1e9);

		my ($code, $reason) = $c->wait_close(TIME);
		my $what = !defined $code ? ($c->eof ? 'cut' : 'none')
			: $reason eq $c->cursor ? $code : "$code $reason";

		$count{$what}++;
	}

	return \%count;
}

# All come back with their cursors; what keeps one from it for a while, such
# as nobody that listens, is waited out.
# returns: how many resumed in all partitions
sub back {
	my ($self, @which) = @_;

	return scalar grep { $self->back_one($_) }
		@which ? @which : $self->all();
}

sub back_one {
	my ($self, $i) = @_;
	my $cursor = $self->{c}[$i]->cursor;
	my ($c, $why);

	wait_for(TIME, sub {
		$c = eval { $self->open($cursor) } or $why = $@;

		return $c;
	}) or die "client $i does not come back: $why";

	$self->{c}[$i] = $c;

	return !grep { $_->{state} ne 'resumed' }
		@{ $c->{start}{partitions} };
}

# The clients read until they have this many records each.
# returns: how many have them, and nothing behind them
sub finish {
	my ($self, $total) = @_;
	my $whole = 0;

	for my $i ($self->all()) {
		my $seen = 0;

		$seen += $_ // 0 for @{ $self->{next}[$i] };
		$seen += $self->read_one($i, $total - $seen,
			TIME + $total / 100);
		$whole++ if $seen == $total && !$self->read_one($i, 1, 0.05);
	}

	return $whole;
}

1;
