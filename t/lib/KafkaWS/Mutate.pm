package KafkaWS::Mutate;

# What people write to get at what is not theirs: the ways to say a name
# differently, as bytes of a URL, a header or an argument.

use warnings;
use strict;

# put before, in the middle of, and behind a name
my @inserted = (
	'%00', '%2500', '%0a', '%0d', '%09', '%20', '+', '%2b', '%7f', '%1b',
	'/', '%2f', '%252f', '\\', '%5c', '/.', '/..', '%2e', '.', '..', '.%2e',
	';', '%3b', ';a=1', '?', '%3f', '#', '%23', '&', '%26', '=', '%3d', ',',
	'%2c', '|', '%7c', '*', '%2a', '~', '$', '%24', '^', '(', ')', '[',
	']', '{', '}', '%22', '%27', '%60', '<', '>', '!', '@', ':', '%3a',
	"\xff", '%ff', '%80', '%c0%80', '%c0%ae', '%c0%af', '%e0%80%ae',
	'%e0%80%af', '%f0%80%80%ae', '%ef%bc%8e', '%ef%bc%8f', '%e2%80%8b',
	'%e2%80%ae', '%ef%bb%bf', '%cc%81', '%u002e', '%u0000', '%', '%2',
	'%zz', '%%', '-', '_', 'x', 'A', '0', "\xc0\xae", "\xe2\x80\x8b",
);

# what a name stands in
my @around = map { my $form = $_; sub { sprintf $form, $_[0] } } (
	'./%s', '../%s', '%%2e/%s', '%%2e%%2e/%s', '..%%2f%s', '..%%252f%s',
	'x/../%s', 'x/%%2e%%2e/%s', 'x%%2f..%%2f%s', '/%s', '//%s', '%%2f%s',
	'../t/%s', '%%2e%%2e%%2ft%%2f%s', '../../t/%s', '../p/%s', '%s/',
	'%s/.', '%s/..', '%s/../%1$s', '%s%%2f..%%2f%1$s', '%s/x/..', '%s//',
	'^%s$', '(%s)', '.*%s', '%s.*', '%s|%1$s', '%s,%1$s', '%s%%2c%1$s',
	'%s %1$s', '%s%%20%1$s', '%s&topic=%1$s', 'x&topic=%s', '%s?topic=%1$s',
	'%s#%1$s', '"%s"', '%%22%s%%22', "'%s'", '%s%1$s', '__%s', '%%5f_%s',
	'%s%%0d%%0aX-Topic:%%20%1$s', '${%s}', '%%24{%s}', '$arg_topic%s',
	'&#x61;%s', '\u0061%s', '=?utf-8?q?%s?=', 'http://localhost/t/%s',
);

# a name as a whole
my @whole = (
	sub { $_[0] =~ s/(.)/sprintf '%%%02x', ord $1/gesr },
	sub { $_[0] =~ s/(.)/sprintf '%%%02X', ord $1/gesr },
	sub { $_[0] =~ s/(.)/sprintf '%%25%02x', ord $1/gesr },
	sub { $_[0] =~ s/(.)/sprintf '%%2525%02x', ord $1/gesr },
	sub { $_[0] =~ s/(.)/sprintf '%%u00%02x', ord $1/gesr },
	sub { $_[0] =~ s/(.)/sprintf '\\x%02x', ord $1/gesr },
	sub { $_[0] =~ s/([-._])/sprintf '%%%02x', ord $1/ger },
	sub { $_[0] =~ s/([-._])/sprintf '%%25%02x', ord $1/ger },
	sub { join '', map { overlong($_, 2) } split //, $_[0] },
	sub { join '', map { overlong($_, 3) } split //, $_[0] },
	sub { join '', map { overlong($_, 4) } split //, $_[0] },
	sub { join '', map { wide($_) } split //, $_[0] },
	sub { uc $_[0] }, sub { lc $_[0] }, sub { ucfirst $_[0] },
	sub { $_[0] =~ tr/a-zA-Z/A-Za-z/r },
	sub { $_[0] =~ tr/._-/_.-/r }, sub { $_[0] =~ tr/.//dr },
	sub { $_[0] =~ tr/a-z/b-za/r }, sub { scalar reverse $_[0] },
	sub { $_[0] =~ s/^.//sr }, sub { substr $_[0], 0, -1 },
	sub { $_[0] . 'x' x 300 }, sub { padded($_[0], 'x', 249) },
	sub { padded($_[0], '.', 250) }, sub { $_[0] x 9 }, sub { '' },
	sub { $_[0] },
);

# one character of a name
my @single = (
	sub { sprintf '%%%02x', ord $_[0] },
	sub { sprintf '%%%02X', ord $_[0] },
	sub { sprintf '%%25%02x', ord $_[0] },
	sub { sprintf '%%%%%02x', ord $_[0] },
	sub { overlong($_[0], 2) }, sub { overlong($_[0], 3) },
	sub { wide($_[0]) }, sub { $_[0] =~ tr/a-zA-Z/A-Za-z/r },
	sub { chr(ord($_[0]) | 0x80) }, sub { chr(ord($_[0]) ^ 1) },
	sub { '%00' }, sub { '' }, sub { $_[0] x 2 }, sub { '.' }, sub { '?' },
	sub { '%' }, sub { '*' },
);

sub padded {
	my ($text, $char, $length) = @_;

	return length $text < $length
		? $text . $char x ($length - length $text) : $text;
}

# UTF-8 that is longer than it may be, percent-encoded
sub overlong {
	my ($char, $bytes) = @_;
	my $code = ord $char;
	my @out = map { 0x80 | $code >> 6 * $_ & 0x3f } reverse 0 .. $bytes - 2;

	unshift @out, (0xc0, 0xe0, 0xf0)[$bytes - 2]
		| $code >> 6 * ($bytes - 1);

	return join '', map { sprintf '%%%02x', $_ } @out;
}

# the full-width form, which some take for the same
sub wide {
	my ($char) = @_;
	my $text = chr(ord($char) + 0xfee0);

	utf8::encode($text);

	return $text =~ s/(.)/sprintf '%%%02x', ord $1/gesr;
}

# all of them; each takes a name and returns what is written instead, or
# nothing
sub all {
	my ($length) = @_;
	my @all = (@whole, @around);

	for my $text (@inserted) {
		push @all, sub { $text . $_[0] }, sub { $_[0] . $text },
			sub { substr($_[0], 0, length($_[0]) / 2) . $text
			. substr $_[0], length($_[0]) / 2 };
	}

	for my $at (0 .. $length - 1) {
		for my $change (@single) {
			push @all, sub { change($change, $at, @_) };
		}
	}

	return @all;
}

# at: counted from the end, where names differ
sub change {
	my ($change, $at, $name) = @_;

	return if $at >= length $name;

	$at = length($name) - 1 - $at;

	return substr($name, 0, $at) . $change->(substr $name, $at, 1)
		. substr $name, $at + 1;
}

1;
