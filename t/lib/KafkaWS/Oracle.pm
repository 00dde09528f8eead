package KafkaWS::Oracle;

# What becomes of a request, said by the documents alone: nginx's way with a
# URL, and what README.md and PROTOCOL.md say of topics, partitions, filters,
# cursors and subprotocols.  Nothing here is of the module's code.
#
# An answer is a status, its body (exact, or a pattern), and what it is counted
# as.

use warnings;
use strict;

use MIME::Base64 qw(decode_base64);

use constant {
	TOPIC_LEN => 249,
	SHOWN => 100,			# of what an answer quotes, at least
};

my $number = qr/0|[1-9][0-9]*/;
my $token = qr/[!#\$%&'*+.^_`|~0-9A-Za-z-]+/;

# allowed: what "topics" lists, names and patterns; exist: name => number of
# partitions, of all that Kafka has
sub new {
	my ($class, %o) = @_;

	return bless { %o }, $class;
}

# The path and the arguments that nginx takes a request's target for, or
# nothing: it is 400.
sub uri {
	my ($target) = @_;

	$target =~ s/ +\z//;
	return if $target =~ /[\x00-\x20\x7f]/;

	$target =~ s{^[a-z][a-z0-9+.-]*://[^/?#]+}{}i;

	my ($path, $args) = $target =~ m{^(/[^?#]*)(?:\?([^#]*))?}s or return;

	# undone once; what that gives is not undone again, but "/" and "."
	# have their meaning
	return if $path =~ /%(?![0-9a-f]{2})/i || $path =~ /%00/;

	$path =~ s/%(..)/chr hex $1/ge;

	my @in = split m{/}, substr($path, 1), -1;
	my $open = !@in;
	my @out;

	for my $i (0 .. $#in) {
		my $part = $in[$i];

		if ($part eq '..') {
			@out ? pop @out : return;

		} elsif ($part ne '' && $part ne '.') {
			push @out, $part;
			next;
		}

		$open = 1 if $i == $#in;
	}

	return ('/' . join('/', @out) . ($open && @out ? '/' : ''),
		$args // '');
}

# $arg_NAME: the first of that name, in any case, as it is written
sub arg {
	my ($args, $name) = @_;

	return $args =~ /(?:^|&)\Q$name\E=([^&]*)/i ? $1 : '';
}

# the user of an Authorization header, "" if it is nobody's; users: name =>
# password
sub user {
	my ($value, $users) = @_;

	return '' unless defined $value && $value =~ /^Basic +(.*)$/is;

	# padding ends it
	my ($text) = $1 =~ m{^([^=]*)}s;

	return '' if $text =~ m{[^A-Za-z0-9+/]} || length($text) % 4 == 1;

	my ($name, $password) = split /:/, decode_base64($text), 2;

	# crypt() reads a string of C
	$password =~ s/\0.*//s if defined $password;

	return defined $password && length $name && defined $users->{$name}
		&& $users->{$name} eq $password ? $name : '';
}

# returns: an answer, or nothing if the topic may be streamed
sub topic {
	my ($self, $name) = @_;
	my $legal = $name =~ /^[A-Za-z0-9._-]+\z/ && $name !~ /^\.\.?\z/
		&& length $name <= TOPIC_LEN;
	my $allowed = $legal && $name !~ /^__/
		&& grep { ref $_ ? $name =~ $_ : $name eq $_ }
		@{ $self->{allowed} };

	return if $allowed && $self->{exist}{$name};

	return (404, says('topic', $name, $allowed ? 'does not exist'
		: 'is not streamed here'), 'topic');
}

# a body that quotes what was asked for, or the beginning of it
sub says {
	my ($what, $name, $why) = @_;
	my $shown = quoted($name);

	return qq{$what "$shown" $why\n} if length $shown <= SHOWN;

	$shown = substr $shown, 0, SHOWN;

	return qr/^\Q$what\E "\Q$shown\E[^"]*" \Q$why\E\n\z/;
}

# The arguments by which a client narrows its stream; listed: fields.
# returns: a reference to the values by fields; or an answer
sub narrow {
	my ($args, @listed) = @_;
	my (@said, %value);

	for my $arg (split /&/, $args) {
		my ($name, $value) = split /=/, $arg, 2;
		my ($good, $bad) = ($name // '')
			=~ /^((?:[^%]|%[0-9a-f]{2})*)(.*)/si;

		$good = decoded($good);

		my ($field) = $bad eq '' ? grep { $_ eq $good } @listed : ();

		if (!defined $field) {
			next unless $good eq 'key' && $bad eq ''
				|| $good =~ /^(?:header|json):/;

			return (403, says('filter', $name,
				'is not for clients to filter by'), 'filter');
		}

		$value //= '';

		return (400, qq{filter "$field" has invalid percent-encoding\n},
			'filter') if $value =~ /%(?![0-9a-f]{2})/i;

		push @said, [$field, decoded($value)];
		last if @said > @listed;
	}

	for my $pair (@said) {
		my ($field, $value) = @$pair;
		my $why = exists $value{$field} ? 'is given twice'
			: $value eq '' ? 'is empty'
			: length $value > 1024 ? 'is longer than 1024 bytes'
			: undef;

		return (400, qq{filter "$field" $why\n}, 'filter') if $why;

		$value{$field} = $value;
	}

	return \%value;
}

sub decoded { return $_[0] =~ s/%([0-9a-f]{2})/chr hex $1/gesri }

# bytes that no terminal should get
sub quoted {
	my ($text) = @_;

	return $text =~ s/([^\x20-\x7e]|["\\])/sprintf '\x%02x', ord $1/gesr;
}

# a partition list; there: how many the topic has
# returns: a reference to those that it means; or an answer
sub partitions {
	my ($list, $there) = @_;
	my @bad = (400, qr/^partitions: [a-z0-9 ]+ at byte \d+\n\z/,
		'partition');

	return [0 .. $there - 1] if $list eq 'all';
	return @bad unless $list =~ /^(?:$number(?:-$number)?(?:,|\z))+\z/
		&& $list !~ /,\z/;

	my %in;

	for my $range (split /,/, $list) {
		my ($first, $last) = split /-/, $range;

		$last //= $first;

		return @bad if above($first, 2 ** 31 - 1)
			|| above($last, 2 ** 31 - 1) || $last < $first;

		$last = $there - 1 if $last >= $there;
		$in{$_} = 1 for $first .. $last;
	}

	return (404, "the topic has no such partition\n", 'partition')
		unless %in;
	return [sort { $a <=> $b } keys %in];
}

# numbers of any length
sub above {
	my ($digits, $max) = @_;

	return length $digits > length $max
		|| length $digits == length $max && $digits gt $max;
}

# a cursor, for these partitions
# returns: an answer, or nothing: it is a good one, or none
sub cursor {
	my ($text, $partitions) = @_;
	my @bad = (400, qr/^cursor: [a-z0-9 -]+ at byte \d+\n\z/, 'cursor');

	return @bad if $text =~ /%(?![0-9a-f]{2})/i;

	$text =~ s/%(..)/chr hex $1/ges;

	return if $text eq '';
	return @bad unless $text =~ /^(?:$number:$number(?:,|\z))+\z/
		&& $text !~ /,\z/;

	my %at;

	for my $pair (split /,/, $text) {
		my ($p, $offset) = split /:/, $pair;

		return @bad if above($p, 2 ** 31 - 1)
			|| above($offset, '9223372036854775807')
			|| defined $at{$p};

		$at{$p} = $offset;
	}

	my %in = map { $_ => 1 } @$partitions;

	for my $p (sort { $a <=> $b } keys %at) {
		return (400, qq{cursor: partition "$p" is not streamed here\n},
			'cursor') unless $in{$p};
	}

	return;
}

# Sec-WebSocket-Protocol of a location that has these
# returns: a reference to the one that is agreed on, undef for none; or an
# answer
sub protocol {
	my ($offer, @have) = @_;
	my @bad = (400, qr/^Sec-WebSocket-Protocol [a-z ]+\n\z/,
		'subprotocol');

	return \undef unless defined $offer;

	my @names = grep { length } map { s/^[ \t]+|[ \t]+\z//gr }
		split /,/, $offer;
	my %times;

	$times{$_}++ for @names;

	return @bad if !@names || grep({ !/^$token\z/ } @names)
		|| grep { $_ > 1 } values %times;

	for my $name (@names) {
		return \$name if grep { $_ eq $name } @have;
	}

	return \undef;
}

1;
